"""Who is silent, late or overdue, and which jobs are still on their threads after a kill: pure decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from resqd.master.child import Child

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


@dataclass(frozen=True, slots=True)
class Look:
    """What the kernel says of a process: CPU seconds so far, and whether it is stopped (SIGSTOP)."""

    cpu_seconds: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask the child for a sign of life."""

    child: Child


@dataclass(frozen=True, slots=True)
class Stop:
    """A drain took too long: go on as after TERM."""

    child: Child
    why: str


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the process. `for_jobs`: the jobs on its threads are what was to be killed."""

    child: Child
    why: str
    for_jobs: bool = False
    blamed: bool = False


Verdict = Ping | Stop | Kill


def leave_by(child: Child, state: str, limits: Limits, now: float) -> float | None:
    """When a child that is, or is told to be, in this state now must be gone; None: whenever it likes.

    The roll of a reload kills no jobs, however long they are.
    """
    if not child.working:
        return now + FAREWELL if state in ("draining", "stopping") else None
    if state == "stopping":
        return now + limits.kill_grace + STOP_MARGIN
    return now + limits.drain if state == "draining" and not child.retiring else None


def overdue(child: Child, limits: Limits, now: float) -> Verdict | None:
    """What to do with a child that is late: at boot, at draining, at stopping, or at its end."""
    if not child.booted and now - child.born >= limits.boot:
        return Kill(child, f"was not ready within {limits.boot:g} s")
    if child.deaf_at is not None and now - child.deaf_at >= DEAF_FOR:
        return Kill(child, "closed its channel and lives on", blamed=True)
    if child.leave_by is None or now < child.leave_by:
        return None
    if child.working and "stopping" not in (child.told, child.state):
        return Stop(child, f"did not drain within {limits.drain:g} s")
    return Kill(child, "did not leave in time", for_jobs=True)


def forgive(children: Iterable[Child], now: float) -> None:
    """After a stall of the master: count everybody's silence from now on."""
    for child in children:
        child.heard, child.pinged_at = now, None


def silent(children: Iterable[Child], now: float) -> list[Child]:
    """The children to look at more closely; the others' silence is forgotten. A boot has a limit of its own."""
    quiet = []
    for child in children:
        if child.booted and now - child.heard >= PING_AFTER:
            quiet.append(child)
        else:
            child.silent_cpu, child.hung, child.pinged_at = -1.0, "", None
    return quiet


def judge(child: Child, look: Look, limits: Limits, now: float) -> Verdict:
    """What to do with a silent child.

    Silence while the CPU time grows is a long call that holds the GIL, not a hang: it is shown, and
    ends only on command or after the limit for it. Silence with the CPU time standing still is a hang,
    once a ping has found no answer.
    """
    if look.cpu_seconds - child.silent_cpu > CPU_NOISE:
        child.silent_cpu, child.silent_cpu_since = (
            look.cpu_seconds,
            child.heard if child.silent_cpu < 0 else now,
        )
    still_for = now - child.silent_cpu_since
    silent_for = now - child.heard
    child.hung = f"{'stopped' if look.stopped else 'silent'} for {silent_for:.0f} s"
    if child.pinged_at is None or child.pinged_at < child.heard:
        child.pinged_at = now
    if now - child.pinged_at < ANSWER_WITHIN:
        return Ping(child)  # a housekeeper, or a worker in a long call, may only have had nothing to say
    if still_for >= (limits.hang if child.working else min(limits.hang, limits.heart)):
        why = f"was {'stopped' if look.stopped else 'silent and idle'} for {still_for:.0f} s"
        return Kill(child, why, blamed=True)  # who stopped it is not known: a job can, as it can kill
    busy_limit = limits.hang_busy if child.working else limits.heart
    if 0 < busy_limit <= silent_for:
        return Kill(child, f"was silent and busy for {silent_for:.0f} s", blamed=True)
    return Ping(child)


MARGIN = 0.25
"""Seconds past KILL_GRACE: a job that is interrupted at the last moment may still record its own end."""
SIBLINGS_GRACE = 1.0
"""Seconds that the other jobs of a process get before it is killed for the sake of one."""


@dataclass(slots=True)
class Order:
    """One process with the tokens that must be gone from its page at a moment."""

    fork: int
    tokens: frozenset[int]
    at: float
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Retire:
    """Let the process take no more jobs: it will be killed soon."""

    fork: int


@dataclass(frozen=True, slots=True)
class Execute:
    """Kill the process for the sake of these tokens."""

    fork: int
    tokens: frozenset[int]


@dataclass(slots=True)
class Kills:
    """The orders that stand. The master owns their deadlines: a job that holds the GIL stops its worker's clock."""

    grace: float
    _orders: list[Order] = field(default_factory=list)

    def order(self, fork: int, tokens: frozenset[int], now: float) -> None:
        """These tokens are being interrupted now. A token that is ordered already keeps its first deadline."""
        known = {token for order in self._orders if order.fork == fork for token in order.tokens}
        if fresh := tokens - known:
            self._orders.append(Order(fork, fresh, now + self.grace + MARGIN))

    def due(self, pages: dict[int, tuple[int, ...]], now: float) -> list[Retire | Execute]:
        """What to do now, given the tokens that each living fork's page shows."""
        actions: list[Retire | Execute] = []
        standing = []
        for order in self._orders:
            stuck = order.tokens.intersection(pages.get(order.fork, ()))
            if not stuck:
                continue
            siblings = set(pages[order.fork]) - order.tokens
            if now < order.at:
                standing.append(order)
            elif order.warned or not siblings:
                actions.append(Execute(order.fork, stuck))
            else:
                actions.append(Retire(order.fork))
                standing.append(Order(order.fork, stuck, now + SIBLINGS_GRACE, warned=True))
        self._orders = standing
        return actions

    def next_at(self) -> float | None:
        """When `due` may have something to do."""
        return min((order.at for order in self._orders), default=None)

    def pending(self) -> bool:
        """Whether any order stands."""
        return bool(self._orders)
