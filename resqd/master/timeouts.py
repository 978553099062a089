"""Who is silent, late or overdue, and which jobs are still on their threads after a kill: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from resqd.master.child import LEAVING, Child, Silence
from resqd.settings import Settings
from resqd.wire.intent import Intent

PING_AFTER = 5.0
"""Seconds of silence after which a child is pinged and its CPU time looked at."""
LOOK_EVERY = 1.0
"""Seconds between two looks at all children."""
CPU_NOISE = 0.02
"""Seconds of CPU time that a hung process may still use between two looks."""
ANSWER_WITHIN = 2.5
"""Seconds that a child may take to answer a ping, however short its limit: silence alone is no hang."""
STALL = 3 * LOOK_EVERY
"""Seconds between two looks after which it was the master that stood still: nobody's silence counts."""
DEAF_FOR = 2.0
"""Seconds that a child may live after the end of its channel."""
HEART_LEAST = PING_AFTER + 3.0
"""The least such limit for the housekeeper: it has little to say, so it is pinged first and may take some seconds."""
FAREWELL = 5.0
"""Seconds that the housekeeper may take to leave."""
STOP_MARGIN = 1.5
"""Seconds past KILL_GRACE that a stopping child may take to record the jobs that it killed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that bound a child's silence and its leave, in seconds; `hang_busy` 0 means never.

    `heart` bounds the housekeeper's hang, busy or not: it must be replaced before other hosts take this daemon for
    dead, and it runs no job that would be lost with it.
    """

    boot: float
    hang: float
    heart: float
    hang_busy: float
    drain: float
    kill_grace: float

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the settings give."""
        return cls(
            boot=settings.boot_timeout,
            hang=settings.hang_timeout,
            heart=max(HEART_LEAST, settings.prune_interval / 2),
            hang_busy=settings.hang_busy_timeout,
            drain=settings.drain_timeout,
            kill_grace=settings.kill_grace,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What the kernel says of a process: CPU seconds so far, and whether it is stopped (SIGSTOP)."""

    cpu_seconds: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the child for a sign of life."""

    child: Child


@dataclass(frozen=True, slots=True)
class CutDrain:
    """A drain took too long: go on as after TERM."""

    child: Child
    why: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """Kill the process. `for_jobs`: the jobs on its threads are what was to be killed."""

    child: Child
    why: str
    for_jobs: bool = False
    blamed: bool = False


Remedy = Probe | CutDrain | Destroy


def leave_by(child: Child, intent: Intent, limits: Limits, now: float) -> float | None:
    """When a child that has, or is told, this intent now must be gone; None: whenever it likes.

    The roll of a reload kills no jobs, however long they are.
    """
    if not child.working:
        return now + FAREWELL if intent in LEAVING else None
    if intent is Intent.STOPPING:
        return now + limits.kill_grace + STOP_MARGIN
    return now + limits.drain if intent is Intent.DRAINING and not child.retiring else None


def overdue(child: Child, limits: Limits, now: float) -> Remedy | None:
    """What to do with a child that is late: at boot, at draining, at stopping, or at its end."""
    if not child.life.booted and now - child.identity.born >= limits.boot:
        return Destroy(child, f"was not ready within {limits.boot:g} s")
    if child.account.deaf_at is not None and now - child.account.deaf_at >= DEAF_FOR:
        return Destroy(child, "closed its channel and lives on", blamed=True)
    if child.demands.leave_by is None or now < child.demands.leave_by:
        return None
    if child.working and Intent.STOPPING not in (child.demands.told, child.life.state):
        return CutDrain(child, f"did not drain within {limits.drain:g} s")
    return Destroy(child, "did not leave in time", for_jobs=True)


def silent(child: Child, now: float) -> bool:
    """Whether a child is to be looked at more closely. A boot has a limit of its own."""
    return child.life.booted and now - child.account.heard >= PING_AFTER


def judge(child: Child, look: Look, limits: Limits, now: float) -> tuple[Silence, Remedy]:
    """What is to be noted of a silent child, and what to do with it.

    Silence while the CPU time grows is a long call that holds the GIL, not a hang: it is shown, and
    ends only on command or after the limit for it. Silence with the CPU time standing still is a hang,
    once a ping has found no answer.
    """
    before, heard = child.silence, child.account.heard
    cpu, cpu_since = before.cpu, before.cpu_since
    if look.cpu_seconds - before.cpu > CPU_NOISE:
        cpu, cpu_since = look.cpu_seconds, heard if before.cpu < 0 else now
    unanswered = before.pinged_at is not None and before.pinged_at >= heard
    silence = Silence(
        cpu=cpu,
        cpu_since=cpu_since,
        pinged_at=before.pinged_at if unanswered else now,
        hung=f"{'stopped' if look.stopped else 'silent'} for {now - heard:.0f} s",
    )
    return silence, _remedy(child, silence, look=look, limits=limits, now=now)


def _remedy(child: Child, silence: Silence, *, look: Look, limits: Limits, now: float) -> Remedy:
    if silence.pinged_at is None or now - silence.pinged_at < ANSWER_WITHIN:
        return Probe(child)  # a housekeeper, or a worker in a long call, may only have had nothing to say
    still_for = now - silence.cpu_since
    silent_for = now - child.account.heard
    if still_for >= (limits.hang if child.working else min(limits.hang, limits.heart)):
        why = f"was {'stopped' if look.stopped else 'silent and idle'} for {still_for:.0f} s"
        return Destroy(child, why, blamed=True)  # who stopped it is not known: a job can, as it can kill
    busy_limit = limits.hang_busy if child.working else limits.heart
    if 0 < busy_limit <= silent_for:
        return Destroy(child, f"was silent and busy for {silent_for:.0f} s", blamed=True)
    return Probe(child)


MARGIN = 0.25
"""Seconds past KILL_GRACE: a job that is interrupted at the last moment may still record its own end."""
SIBLINGS_GRACE = 1.0
"""Seconds that the other jobs of a process get before it is killed for the sake of one."""


@dataclass(slots=True)
class KillOrder:
    """One process with the tokens that must be gone from its page at a moment."""

    fork: int
    tokens: frozenset[int]
    at: float
    warned: bool = False
    spare: bool = False
    """Whether they go back to their queues uncharged."""


@dataclass(frozen=True, slots=True)
class Cordon:
    """Let the process take no more jobs: it will be killed soon."""

    fork: int


@dataclass(frozen=True, slots=True)
class Execute:
    """Kill the process, and convict these tokens."""

    fork: int
    tokens: frozenset[int]


@dataclass(slots=True)
class Kills:
    """The orders that stand. The master owns their deadlines: a job that holds the GIL stops its worker's clock."""

    grace: float
    _orders: list[KillOrder] = field(default_factory=list)

    def order(self, fork: int, tokens: frozenset[int], now: float, *, spare: bool = False) -> None:
        """These tokens are being interrupted now. A token that is ordered already keeps its first deadline."""
        known = {token for order in self._orders if order.fork == fork for token in order.tokens}
        if fresh := tokens - known:
            self._orders.append(KillOrder(fork, fresh, now + self.grace + MARGIN, spare=spare))

    def due(self, pages: dict[int, tuple[int, ...]], now: float) -> list[Cordon | Execute]:
        """What to do now, given the tokens that each living fork's page shows."""
        actions: list[Cordon | Execute] = []
        standing = []
        for order in self._orders:
            stuck = order.tokens.intersection(pages.get(order.fork, ()))
            if not stuck:
                continue
            siblings = set(pages[order.fork]) - order.tokens
            if now < order.at:
                standing.append(order)
            elif order.warned or not siblings:
                actions.append(Execute(order.fork, frozenset() if order.spare else stuck))
            else:
                actions.append(Cordon(order.fork))
                standing.append(replace(order, tokens=stuck, at=now + SIBLINGS_GRACE, warned=True))
        self._orders = standing
        return actions

    def next_at(self) -> float | None:
        """When `due` may have something to do."""
        return min((order.at for order in self._orders), default=None)

    @property
    def busy(self) -> bool:
        """Whether any order stands."""
        return bool(self._orders)
