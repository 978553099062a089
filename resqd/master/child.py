"""The master's view of one child: what it was given, what it has said, how it ended. Not the child itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resqd.errors import ChannelClosed, ProtocolError
from resqd.wire.birth import Birth, Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Intent
from resqd.wire.messages import Message, Running, Slots, Stats

UNREAD = "(being read)"
"""Stands for the class of a job whose payload its thread is reading."""
NO_STATS = Stats(0, 0, 0, 0, 0.0, 0, 0.0, "", (), ())


@dataclass(slots=True, eq=False)
class Child:
    """A forked child until it is reaped. Times are the master's monotonic seconds."""

    pid: int
    kind: Kind
    index: int
    fork: int
    channel: Channel
    page: Page
    born: float
    heard: float
    state: str
    granted: int
    quotas: dict[str, int]
    """The newest order: how many jobs of each capped queue it may hold."""
    owned: dict[str, int]
    """The most that it may hold until it says that it has yielded some; what it owns, no other may be given."""
    booted: bool = False
    near_end: bool = False
    outdated: bool = False
    """Forked before the last reload: it runs the old code."""
    released: int = 0
    exiting: str | None = None
    orders: int = 0
    """The number of the newest order of slots and quotas."""
    stats: Stats = NO_STATS
    cpu_percent: float = 0.0
    stats_at: float = 0.0
    killed_for: frozenset[int] | None = None
    """Tokens for whose sake resqd killed this process; empty: killed for none of its jobs; None: not killed."""
    told: str = ""
    """The last intent that was sent down."""
    silent_cpu: float = -1.0
    silent_cpu_since: float = 0.0
    pinged_at: float | None = None
    """When the first ping was sent that it has not answered yet."""
    hung: str = ""
    """Shown in `status`: silent in a long call, or stopped."""
    leave_by: float | None = None
    """When it must be gone, once it drains or stops."""
    relayed: tuple[Running, ...] = ()
    """The running jobs that the housekeeper was told last."""
    relayed_at: float = 0.0
    relayed_threads: tuple[int, int] = (0, 0)
    """How many threads were missing and replaced when it was told last."""
    deaf_at: float | None = None
    """Since when its channel is at its end or broken though it has not been reaped."""
    ended: bool = False
    """It has said that it begins no job any more, whatever it is told."""
    retiring: bool = False
    """Drained whatever the daemon's intent is: rolled over after a reload, or one too many at its place."""
    retiring_since: float = 0.0

    @classmethod
    def of(cls, birth: Birth, *, pid: int, channel: Channel, now: float) -> Child:
        """The view of a child that was just forked; `channel` is the master's end."""
        return cls(
            pid=pid,
            kind=birth.kind,
            index=birth.index,
            fork=birth.fork,
            channel=channel,
            page=birth.page,
            born=now,
            heard=now,
            state=birth.state,
            told="" if birth.kind is Kind.HOUSEKEEPER else birth.state,
            granted=birth.slots,
            quotas=birth.quotas,
            owned=birth.quotas,
        )

    @property
    def working(self) -> bool:
        """Whether it runs jobs: a worker, not the housekeeper."""
        return self.kind is not Kind.HOUSEKEEPER

    @property
    def serving(self) -> bool:
        """Whether it is a housekeeper that is up and will stay."""
        leaving = (Intent.DRAINING.value, Intent.STOPPING.value)
        return not self.working and self.booted and self.told not in leaving

    @property
    def taking(self) -> bool:
        """Whether it takes jobs, or will when a pause ends."""
        return self.state in ("running", "paused")

    def order(self, slots: int, quotas: dict[str, int]) -> None:
        """Grant slots and quotas; what is taken away it owns until it yields it. Nothing changes where it stalls."""
        if self.channel.send(Slots(slots, quotas, self.orders + 1)):
            self.orders += 1
            self.granted, self.quotas = slots, quotas
            self.owned = {queue: max(quota, self.owned.get(queue, 0)) for queue, quota in quotas.items()}

    @property
    def active(self) -> int:
        """How many jobs it may be running: slots granted less those given back."""
        return max(0, self.granted - self.released)

    def running(self) -> tuple[Running, ...]:
        """The jobs on its threads at this moment, by the shared page, with their payloads where it has reported them.

        One without a name is being read: its payload is long.
        """
        told = {(job.thread, job.token): job for job in self.stats.running}
        return tuple(
            told.get((job.thread, job.token))
            or (job if job.since else replace(job, job_class=UNREAD, since=self.heard))
            for job in self.page.jobs()
        )

    @property
    def healthy(self) -> bool:
        """Whether it is up, speaks, and has all its threads."""
        return self.booted and not self.hung and not self.stats.missing

    def receive(self) -> list[Message] | None:
        """The messages that have come; None when the channel is at its end or broken."""
        try:
            return self.channel.receive()
        except (ChannelClosed, ProtocolError):
            return None

    @property
    def label(self) -> str:
        """The child as log lines name it."""
        name = "housekeeper" if self.kind is Kind.HOUSEKEEPER else f"{self.kind.value} {self.index}"
        return f"{name} (pid {self.pid})"
