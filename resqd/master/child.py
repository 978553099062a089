"""The master's view of one child: what it was given, what it has said, what is wanted of it. Not the child itself.

What changes stands in small records, one for each part of the master that writes it.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, replace
from typing import Any

from resqd.errors import ChannelClosed, ProtocolError
from resqd.wire.birth import Birth, Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Intent
from resqd.wire.messages import Message, Running, Slots, Stats

UNREAD = "(being read)"
"""Stands for the class of a job whose payload its thread is reading."""
NO_STATS = Stats(0, 0, 0, 0, 0.0, 0, 0.0, "", (), ())
_OTHERS = ("retried", "discarded", "expired", "timeouts")
"""What else became of a worker's jobs, in its stats."""
LEAVING = frozenset({Intent.DRAINING, Intent.STOPPING})
"""What a daemon or a child does that is on its way out."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which child it is, and the master's ends of what the two share; `born` in monotonic seconds."""

    pid: int
    kind: Kind
    index: int
    fork: int
    channel: Channel
    page: Page
    born: float
    outdated: bool = False
    """Forked before the last reload: it runs the old code."""


@dataclass(slots=True)
class Grants:
    """How many jobs it may run at once: `slots`, and of each capped queue `quotas`, by the newest order."""

    slots: int
    quotas: dict[str, int]
    owned: dict[str, int]
    """The most that it may hold until it says that it has yielded some; what it owns, no other may be given."""
    released: int = 0
    serial: int = 0
    """The number of the newest order of slots and quotas."""
    usable: dict[str, int] = field(default_factory=dict)
    """What it could use of each capped queue, as far as it has said so."""

    @property
    def active(self) -> int:
        """How many jobs it may be running: slots granted less those given back."""
        return max(0, self.slots - self.released)


@dataclass(slots=True)
class Life:
    """How far it has come, by its own word."""

    state: Intent
    booted: bool = False
    near_end: bool = False
    ended: bool = False
    """It begins no job any more, whatever it is told."""
    exiting: str | None = None


@dataclass(slots=True)
class Account:
    """What it reports of its work, and when it was heard last, in monotonic seconds."""

    heard: float
    stats: Stats = NO_STATS
    stats_at: float = 0.0
    cpu_percent: float = 0.0
    deaf_at: float | None = None
    """Since when its channel is at its end or broken though it has not been reaped."""

    def report(self, stats: Stats, now: float) -> None:
        """Take a worker's report."""
        elapsed = now - self.stats_at
        if self.stats_at and elapsed > 0:
            self.cpu_percent = 100 * max(0.0, stats.cpu_seconds - self.stats.cpu_seconds) / elapsed
        self.stats, self.stats_at = stats, now


@dataclass(slots=True)
class Demands:
    """What the master wants of it."""

    told: Intent
    """The last intent that was sent down, or given at birth; a housekeeper is told only to leave."""
    leave_by: float | None = None
    """When it must be gone, once it drains or stops."""
    retiring_since: float | None = None
    """Since when it is drained whatever the daemon's intent is: rolled over by a reload, or one too many."""
    killed_for: frozenset[int] | None = None
    """Tokens for whose sake resqd killed this process; empty: killed for none of its jobs; None: not killed."""
    late: frozenset[int] = frozenset()
    """The tokens of jobs that had run out of their time."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What was noted of a child that has not spoken for some seconds. Replaced as a whole."""

    cpu: float = -1.0
    """Its CPU seconds when they last grew; below 0: not looked at yet."""
    cpu_since: float = 0.0
    pinged_at: float | None = None
    """When the first ping was sent that it has not answered yet."""
    hung: str = ""
    """Shown in `status`: silent in a long call, or stopped."""


NO_SILENCE = Silence()


@dataclass(slots=True, eq=False)
class Child:
    """A forked child until it is reaped."""

    identity: Identity
    grants: Grants
    life: Life
    account: Account
    demands: Demands
    silence: Silence = field(default=NO_SILENCE)

    @classmethod
    def of(cls, birth: Birth, *, pid: int, channel: Channel, now: float) -> Child:
        """The view of a child that was just forked; `channel` is the master's end."""
        state = Intent(birth.state)
        return cls(
            Identity(pid, birth.kind, birth.index, birth.fork, channel, birth.page, born=now),
            Grants(birth.slots, birth.quotas, birth.quotas),
            Life(state),
            Account(heard=now),
            Demands(told=Intent.RUNNING if birth.kind is Kind.HOUSEKEEPER else state),
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.identity.pid

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.identity.kind

    @property
    def index(self) -> int:
        """Its place among those of its kind, from 0."""
        return self.identity.index

    @property
    def fork(self) -> int:
        """Its number, never used twice by one daemon."""
        return self.identity.fork

    @property
    def channel(self) -> Channel:
        """The master's end of the channel."""
        return self.identity.channel

    @property
    def page(self) -> Page:
        """The memory that it shares with the master."""
        return self.identity.page

    @property
    def working(self) -> bool:
        """Whether it runs jobs: a worker, not the housekeeper."""
        return self.kind is not Kind.HOUSEKEEPER

    @property
    def serving(self) -> bool:
        """Whether it is a housekeeper that is up and will stay."""
        return not self.working and self.life.booted and self.demands.told not in LEAVING

    @property
    def taking(self) -> bool:
        """Whether it takes jobs, or will when a pause ends."""
        return self.life.state not in LEAVING

    @property
    def retiring(self) -> bool:
        """Whether it is to leave though the daemon stays."""
        return self.demands.retiring_since is not None

    @property
    def healthy(self) -> bool:
        """Whether it is up, speaks, and has all its threads."""
        return self.life.booted and not self.silence.hung and not self.account.stats.missing

    @property
    def label(self) -> str:
        """The child as log lines name it."""
        name = "housekeeper" if self.kind is Kind.HOUSEKEEPER else f"{self.kind.value} {self.index}"
        return f"{name} (pid {self.pid})"

    def order(self, slots: int, quotas: dict[str, int]) -> None:
        """Grant slots and quotas; what is taken away it owns until it yields it. Nothing changes where it stalls."""
        grants = self.grants
        if self.channel.send(Slots(slots, quotas, grants.serial + 1)):
            grants.serial += 1
            grants.slots, grants.quotas = slots, quotas
            grants.owned = {queue: max(quota, grants.owned.get(queue, 0)) for queue, quota in quotas.items()}

    def running(self) -> tuple[Running, ...]:
        """The jobs on its threads at this moment, by the shared page, with their payloads where it has reported them.

        One without a name is being read: its payload is long.
        """
        told = {(job.thread, job.token): job for job in self.account.stats.running}
        return tuple(
            told.get((job.thread, job.token))
            or (job if job.since else replace(job, job_class=UNREAD, since=self.account.heard))
            for job in self.page.jobs()
        )

    def receive(self) -> list[Message] | None:
        """The messages that have come; None when the channel is at its end or broken."""
        try:
            return self.channel.receive()
        except (ChannelClosed, ProtocolError):
            return None

    def snapshot(self) -> dict[str, Any]:
        """The child as the next program needs it; what that one is told again by reports is left out."""
        return {
            "pid": self.pid,
            "kind": self.kind.value,
            "index": self.index,
            "fork": self.fork,
            "channel": self.channel.fileno(),
            "page": self.page.descriptor,
            "threads": len(self.page.cells),
            "leftovers": self.channel.leftovers(),
            "born": self.identity.born,
            "state": self.life.state.value,
            "granted": self.grants.slots,
            "quotas": self.grants.quotas,
            "owned": self.grants.owned,
            "orders": self.grants.serial,
            "released": self.grants.released,
            "booted": self.life.booted,
            "near_end": self.life.near_end,
            "told": self.demands.told.value,
            "leave_by": self.demands.leave_by,
            "retiring": self.retiring,
            "retiring_since": self.demands.retiring_since or 0.0,
            "processed": self.account.stats.processed,
            "failed": self.account.stats.failed,
            "others": [getattr(self.account.stats, name) for name in _OTHERS],
        }

    @classmethod
    def restore(cls, facts: dict[str, Any], now: float) -> Child:
        """The view of a child that the last program forked: it runs that program's code, so it is outdated."""
        for descriptor in (facts["channel"], facts["page"]):
            os.set_inheritable(descriptor, False)
        unsent, unread = facts["leftovers"]
        channel = Channel(socket.socket(fileno=facts["channel"]), unsent=unsent, unread=unread)
        others = dict(zip(_OTHERS, facts.get("others", ()), strict=False))
        stats = replace(NO_STATS, processed=facts["processed"], failed=facts["failed"], **others)
        return cls(
            Identity(
                facts["pid"],
                Kind(facts["kind"]),
                facts["index"],
                facts["fork"],
                channel,
                Page(facts["threads"], facts["page"]),
                born=facts["born"],
                outdated=True,
            ),
            Grants(facts["granted"], facts["quotas"], facts["owned"], facts["released"], facts["orders"]),
            Life(Intent(facts["state"]), booted=facts["booted"], near_end=facts["near_end"]),
            Account(heard=now, stats=stats),
            Demands(
                told=Intent(facts["told"] or "running"),  # an older release has told its housekeeper nothing
                leave_by=facts["leave_by"],
                retiring_since=facts["retiring_since"] if facts["retiring"] else None,
            ),
        )
