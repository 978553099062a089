"""What may become of a job whose worker is gone, and how recover.lua is told."""

from __future__ import annotations

from dataclasses import dataclass

from resqd.store.debts import Debts
from resqd.store.inflight.outbox import Postpone
from resqd.store.redis.protocol import Argument


@dataclass(frozen=True, slots=True)
class Charge:
    """Back to the front of its queue, one delivery dearer."""


@dataclass(frozen=True, slots=True)
class Forgive:
    """Back to the front of its queue, uncharged; the recovery is counted."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """To the daemon's suspects, to be run alone, one delivery dearer."""


@dataclass(frozen=True, slots=True)
class Isolate:
    """To the suspects, uncharged; the recovery is counted."""


@dataclass(frozen=True, slots=True)
class Convict:
    """Recorded as failed: `lists` are the keys that take `record`, `failed_queue` a name for the set of those."""

    record: bytes
    lists: tuple[str, ...]
    failed_queue: str = ""
    tried: str = ""
    """The id under which its tries are kept, which go into the record."""
    late: bool = False
    """Whether it had run out of its time."""
    debts: Debts = ()


@dataclass(frozen=True, slots=True)
class Later:
    """It had run out of its time, and is tried again, one try dearer. `postpone` says when; its token is the job's."""

    postpone: Postpone


@dataclass(frozen=True, slots=True)
class Done:
    """It has succeeded, and Redis has lost that: counted and settled now. `tried` as in Convict."""

    tried: str = ""
    debts: Debts = ()


Verdict = Charge | Forgive | Suspect | Isolate | Convict | Later | Done


def owed(verdict: Verdict) -> Debts:
    """What is settled with a verdict that ends a job."""
    return verdict.debts if isinstance(verdict, Convict | Done) else ()


def verdict_arguments(verdict: Verdict) -> tuple[Argument, ...]:
    """A verdict as recover.lua reads it, but for its debts."""
    match verdict:
        case Charge():
            return ("charge", *_NOTHING_MORE)
        case Forgive():
            return ("forgive", *_NOTHING_MORE)
        case Suspect():
            return ("suspect", *_NOTHING_MORE)
        case Isolate():
            return ("isolate", *_NOTHING_MORE)
        case Done(tried):
            return ("done", "", "", tried, "", 0)
        case Convict(record, lists, failed_queue, tried, late):
            return ("convict", record, failed_queue, tried, "1" if late else "", len(lists), *lists)
        case Later(Postpone(delay=delay, ticket=ticket, tried=tried, new_id=new_id, attempt=attempt)):
            return ("later", attempt, round(delay * 1_000_000), tried, "1", 2, ticket, new_id)


_NOTHING_MORE: tuple[Argument, ...] = ("", "", "", "", 0)
