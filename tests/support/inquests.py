"""Inquests without an application: one rule for all jobs, and records that say why."""

from dataclasses import dataclass
from typing import cast

from resqd.housekeeper.inquest import Culprits, Inquest
from resqd.housekeeper.verdicts import Rule
from resqd.store.inflight.recovery import Convict, Held, Recovery
from resqd.store.keys import Keys


@dataclass(frozen=True, slots=True)
class OneRule:
    """Takes the place of Culprits."""

    patience: int
    fail: bool

    def rule(self, _held: Held) -> Rule:
        return Rule(fail=self.fail, most=self.patience)

    def convict(self, held: Held, why: str) -> Convict:
        return Convict(held.payload + b" " + why.encode(), (Keys().failed,))

    def overrun(self, _token: int, held: Held) -> Convict:
        return self.convict(held, "out of time")


def inquest(recovery: Recovery, *, most: int = 3, fail: bool = False) -> Inquest:
    """An inquest under which a job is convicted after `most` deliveries, or at its first crash."""
    culprits = cast(Culprits, OneRule(most, fail))
    return Inquest(
        recovery=recovery, culprits=culprits, convicted=lambda _records: None, retried=lambda _again: None
    )
