"""The fleet: everything that the master knows and means, and all that a reload carries over.

Every part of the master is given the fleet, and they meet in nothing else: what one of them learns or wants is a
state here, for the others to find.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from resqd import events
from resqd.master.child import LEAVING, Child
from resqd.master.farewells import Farewells
from resqd.master.ledger import Ledger, Places, RedisHealth, Totals
from resqd.master.quotas import limits
from resqd.master.timeouts import Kills, Limits
from resqd.settings import QueueSpec, Settings
from resqd.wire.birth import Kind
from resqd.wire.intent import Command, Ending, Intent, after
from resqd.wire.messages import Confirmed, Death, Farewell, Killing, Stacks

Answer = Killing | Stacks | Confirmed
"""What a worker says to a client that waits for it."""


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What the settings say of the fleet."""

    name: str
    thread_count: int
    burst: bool
    limits: Limits
    term: str = "stop"
    """What TERM means, as RESQD_TERM has it."""
    capped: Sequence[QueueSpec] = ()
    shards: int = 1
    """How many there are; each worker works for one of them."""

    @classmethod
    def of(cls, settings: Settings) -> FleetSettings:
        """These, out of all settings."""
        return cls(
            name=settings.name,
            thread_count=settings.thread_count,
            burst=settings.burst,
            limits=Limits.of(settings),
            term=settings.term,
            capped=[spec for spec in settings.queues if spec.capped],
            shards=len(settings.shards),
        )


@dataclass(slots=True)
class Orders:
    """What the daemon is told to do. Commands, pause files and keys in Redis pause it independently of each other."""

    commanded: Intent
    """The intent by command alone, without pause files."""
    drain_timeout: float
    ending: Ending
    intent: Intent = Intent.RUNNING
    """What the daemon is to do, all in all."""
    pause_file: str = ""
    """The pause file that exists; empty: none does."""
    pause_key: str = ""
    """The key in Redis that pauses all; empty: none does."""
    drain_by: float | None = None
    """When a drain becomes a stop."""

    def __post_init__(self) -> None:
        self.intent = self.commanded

    def command(self, command: Command, now: float) -> None:
        """Follow a command."""
        self.commanded = after(self.commanded, command)
        if self.commanded not in LEAVING:
            self.ending.taken_back()
        self._settle(now)

    def paused_by_file(self, path: str, now: float) -> None:
        """A pause file appeared, or, with an empty path, all are gone."""
        if path != self.pause_file:
            events.Master.pause_file_seen(path=path) if path else events.Master.pause_files_gone()
        self.pause_file = path
        self._settle(now)

    def paused_by_key(self, key: str, now: float) -> None:
        """A key that pauses all appeared in Redis, or, with an empty name, is gone."""
        if key != self.pause_key:
            events.Master.pause_key_seen(key=key) if key else events.Master.pause_key_gone()
        self.pause_key = key
        self._settle(now)

    def pause_reasons(self) -> list[str]:
        """Why the daemon takes no jobs now."""
        commanded = ["command"] if self.commanded is Intent.PAUSED else []
        return commanded + [reason for reason in (self.pause_file, self.pause_key) if reason]

    def _settle(self, now: float) -> None:
        intent = self.commanded
        if intent is Intent.RUNNING and (self.pause_file or self.pause_key):
            intent = Intent.PAUSED
        if intent is not self.intent:
            events.Master.intent_changed(intent=intent.value, before=self.intent.value)
            self.intent = intent
        if intent is not Intent.DRAINING:
            self.drain_by = None
        elif self.drain_by is None:
            self.drain_by = now + self.drain_timeout


@dataclass(slots=True)
class Losses:
    """What dead workers have left: for the housekeeper to bring back, and for a daemon that leaves to wait for."""

    deaths: dict[int, Death] = field(default_factory=dict)
    """By fork, those whose jobs are not back in their queues yet."""
    settle_by: float | None = None
    """When a leaving daemon no longer waits for that."""
    tell_at: float = 0.0
    """When the housekeeper is to be told of the living and the dead again; 0: at once."""


@dataclass(slots=True)
class Suspects:
    """How many jobs wait for probation, by the housekeeper's last count."""

    count: int = 0
    capped: dict[str, int] = field(default_factory=dict)
    """Those among them that are of capped queues, by queue."""
    by_shard: list[int] = field(default_factory=list)
    """How many on each shard, where there are several."""

    def on(self, shard: int) -> int:
        """How many wait on one shard."""
        if self.by_shard:
            return self.by_shard[shard]
        return self.count if shard == 0 else 0

    def take(self, shard: int) -> None:
        """One of them is taken."""
        self.count -= 1
        if self.by_shard:
            self.by_shard[shard] -= 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet as the next program takes it over. Moments are of the system's monotonic clock."""

    forks: int
    started: float
    commanded: str
    last_exits: dict[int, str]
    redis: tuple[str, float]
    """What the housekeeper said last of Redis, and since when."""
    suspects: int
    worker_count: int
    past: tuple[int, ...]
    """The ledger's totals; an older release tells the first two."""
    deaths: tuple[Death, ...]
    farewells: tuple[tuple[float, Farewell], ...]
    """What workers that have left had ended, and when each was kept."""
    children: tuple[dict[str, object], ...]


class Fleet:
    """The children, what is wanted of them, and what is known of their places, their jobs and Redis."""

    def __init__(
        self,
        settings: FleetSettings,
        *,
        worker_count: int,
        started: float,
        commanded: Intent = Intent.RUNNING,
        forks: int = 0,
        past: Sequence[int] = (),
    ) -> None:
        self.settings = settings
        self.worker_count = worker_count
        self.started = started
        self.forks = forks
        """How many children were ever forked; the last one's number."""
        self.children: list[Child] = []
        self.orders = Orders(commanded, settings.limits.drain, Ending(settings.term))
        self.kills = Kills(settings.limits.kill_grace)
        self.places = Places()
        self.losses = Losses()
        self.farewells = Farewells()
        self.suspects = Suspects()
        self.paused_queues: tuple[str, ...] | None = None
        """By the housekeeper's last word; None: it has not spoken yet, and workers look for themselves."""
        self.ledger = Ledger(Totals(*past))
        self.redis = RedisHealth("not connected yet", started)
        self.answers: deque[tuple[Child, Answer]] = deque()
        """What workers have answered to clients who wait, until the handlers take it."""

    @property
    def intent(self) -> Intent:
        """What the daemon is to do."""
        return self.orders.intent

    @property
    def leaving(self) -> bool:
        """Whether the daemon is on its way out."""
        return self.intent in LEAVING

    @property
    def housekeeper(self) -> Child | None:
        """The housekeeper, if there is one."""
        return next((child for child in self.children if not child.working), None)

    def spares(self, child: Child) -> bool:
        """Whether the jobs that a child is made to stop go back uncharged: it leaves, and RESQD_TERM says so."""
        stopping = Intent.STOPPING in (self.intent, child.demands.told, child.life.state)
        return stopping and self.settings.term == "requeue"

    def working(self) -> list[Child]:
        """All workers, those on probation too."""
        return [child for child in self.children if child.working]

    def workers(self, index: int) -> list[Child]:
        """The workers at a place, oldest first: at the most one going, one current, one made ready."""
        return sorted(
            (child for child in self.children if child.kind is Kind.WORKER and child.index == index),
            key=lambda child: child.fork,
        )

    def caps(self) -> dict[str, int]:
        """How many threads may run each capped queue's jobs at once, at this scale."""
        return limits(self.settings.capped, self.worker_count * self.settings.thread_count)

    def descriptors(self) -> list[int]:
        """What a forked child must close: the master's ends of all channels, and all pages."""
        return [number for c in self.children for number in (c.channel.fileno(), c.page.descriptor)]

    def snapshot(self) -> Snapshot:
        """All that the next program is to know."""
        return Snapshot(
            forks=self.forks,
            started=self.started,
            commanded=self.orders.commanded.value,
            last_exits=self.places.last_exits,
            redis=(self.redis.text, self.redis.since),
            suspects=self.suspects.count,
            worker_count=self.worker_count,
            past=self.ledger.past,
            deaths=tuple(self.losses.deaths.values()),
            farewells=self.farewells.kept,
            children=tuple(child.snapshot() for child in self.children),
        )

    @classmethod
    def restore(cls, settings: FleetSettings, snapshot: Snapshot, now: float) -> Fleet:
        """The fleet of the program before, with its children."""
        fleet = cls(
            settings,
            worker_count=snapshot.worker_count,
            started=snapshot.started,
            commanded=Intent(snapshot.commanded),
            forks=snapshot.forks,
            past=snapshot.past,
        )
        fleet.places.last_exits.update(snapshot.last_exits)
        fleet.redis.text, fleet.redis.since = snapshot.redis
        fleet.suspects.count = snapshot.suspects
        fleet.losses.deaths.update({death.fork: death for death in snapshot.deaths})
        for kept_at, farewell in snapshot.farewells:
            fleet.farewells.add(farewell, kept_at)
        for facts in snapshot.children:
            child = Child.restore(facts, now)
            fleet.children.append(child)
            fleet.ledger.report(child.fork, child.account.stats)
        return fleet
