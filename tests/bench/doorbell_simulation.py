"""Simulates a fleet's doorbells on one Redis: what they cost it, and how soon a job is picked up.

`python -m tests.bench.doorbell_simulation [HOLDOFF_MS ...]` prints a table for each holdoff. The hosts
run the daemon's own policy; Redis is a loop that runs what has arrived, then tells every armed client.
"""

from __future__ import annotations

import heapq
import itertools
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from resqd.housekeeper.doorbell import QUIET
from resqd.housekeeper.listening import HOLDOFF, Act, ListeningPolicy, Seen

NOTIFY = 5e-6
"""Seconds of Redis's time to tell one armed client of a write: with 100 and 500 of them its rate fell from
14,400 commands/s to 2,200 and 375, which is 3.9 and 5.2 microseconds for each."""
SWITCH, PUSH, RESERVE = 4e-6, 5e-6, 30e-6
"""Seconds of Redis's time for one switching on or off, one push, one reserve."""
HOP = 1e-4
"""Seconds from one process's write to the other's reading."""
WANT = 8
"""Jobs that one reserve takes: an idle thread for each."""
HOSTS = (1, 10, 100, 1_000)
RATES = (1, 100, 1_000, 10_000)


@dataclass
class Events:
    """What happens when."""

    now: float = 0.0
    _heap: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._order), action))

    def run_until(self, end: float) -> None:
        while self._heap and self._heap[0][0] <= end:
            self.now, _, action = heapq.heappop(self._heap)
            action()
        self.now = end


class Redis:
    """Serves in rounds; in each it runs every command that has arrived, then tells the armed of the writes."""

    def __init__(self, events: Events) -> None:
        self.armed: dict[Host, None] = {}
        self.jobs: deque[float] = deque()
        self.bells = 0.0
        self.pickups: list[float] = []
        self._events = events
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._busy = False
        self._written = False

    def send(self, cost: float, effect: Callable[[], None]) -> None:
        """A command arrives."""
        self._waiting.append((cost, effect))
        if not self._busy:
            self._round()

    def push(self) -> None:
        self.jobs.append(self._events.now)
        self._written = True

    def pop(self) -> int:
        taken = min(WANT, len(self.jobs))
        for _ in range(taken):
            self.pickups.append(self._events.now - self.jobs.popleft())
        self._written = self._written or taken > 0
        if not taken:
            self.bells += RESERVE
        return taken

    def _round(self) -> None:
        if not self._waiting:
            self._busy = False
            return
        self._busy = True
        batch, self._waiting, spent = self._waiting, [], 0.0
        for cost, effect in batch:
            spent += cost
            self._events.after(spent, effect)
        self._events.after(spent, self._tell)

    def _tell(self) -> None:
        listeners = list(self.armed) if self._written else []
        self._written = False
        for position, host in enumerate(listeners):
            self._events.after(position * NOTIFY + HOP, host.pushed)
        self.bells += len(listeners) * NOTIFY
        self._events.after(len(listeners) * NOTIFY, self._round)


class Host:
    """One daemon with one idle fetcher, whose jobs take no time."""

    def __init__(self, events: Events, redis: Redis, *, hosts: int, holdoff: float, seed: int) -> None:
        self._events = events
        self._redis = redis
        chance = random.Random(seed)
        self._policy = ListeningPolicy(random=chance.random, now=0.0, holdoff=holdoff)
        self._policy.daemons = hosts
        self._pushed = self._vain = self._pending = False
        self._found = 0
        self._quiet_until = 0.0
        self._wakes_at = -1.0
        events.after(chance.random() * hosts * holdoff, self.step)

    def pushed(self) -> None:
        self._pushed = True
        self.step()

    def step(self) -> None:
        """The bell thread wakes."""
        now = self._events.now
        if now < self._quiet_until:
            self._wake_at(self._quiet_until)
            return
        seen = Seen(idle=1, pending=self._pending, found=self._found, pushed=self._pushed, vain=self._vain)
        self._pushed = self._vain = False
        for act in self._policy.step(now, seen):
            self._do(act)
        if not self._policy.armed:
            self._wake_at(self._policy.next_at(idle=1) or now)

    def _wake_at(self, moment: float) -> None:
        if moment != self._wakes_at:
            self._wakes_at = moment
            self._events.after(moment - self._events.now, self.step)

    def _do(self, act: Act) -> None:
        if act is Act.ARM:
            self._redis.bells += SWITCH
            self._events.after(HOP, lambda: self._redis.send(SWITCH, self._armed))
        elif act is Act.DISARM:
            self._redis.bells += SWITCH
            self._events.after(
                HOP, lambda: self._redis.send(SWITCH, lambda: self._redis.armed.pop(self, None) or None)
            )
        elif act is Act.RING:
            self._quiet_until = self._events.now + QUIET
            self._pending = True
            # The ring that follows the arming waits for the server's answer.
            armed = self in self._redis.armed
            self._events.after(HOP if armed else HOP * 3, self._fetch)

    def _armed(self) -> None:
        self._redis.armed[self] = None

    def _fetch(self) -> None:
        self._pending = False
        self._events.after(HOP, lambda: self._redis.send(RESERVE, self._reserved))

    def _reserved(self) -> None:
        taken = self._redis.pop()
        if taken:
            self._found += 1
        if taken == WANT:
            self._events.after(HOP * 2, lambda: self._redis.send(RESERVE, self._reserved))
        elif not taken:
            self._events.after(HOP, self._tell_vain)

    def _tell_vain(self) -> None:
        self._vain = True
        self.step()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`share` of Redis's time for the bells; latencies from a push to its reserve, in seconds."""

    share: float
    median: float
    worst: float
    """The 99th of a hundred."""


def simulate(*, hosts: int, rate: float, holdoff: float = HOLDOFF, seed: int = 1) -> Outcome:
    """Hosts that are all idle, pushes at random moments; measured after the fleet has settled."""
    events = Events()
    redis = Redis(events)
    for number in range(hosts):
        Host(events, redis, hosts=hosts, holdoff=holdoff, seed=seed * 10_000 + number)
    chance = random.Random(seed)

    def push() -> None:
        redis.send(PUSH, redis.push)
        events.after(chance.expovariate(rate), push)

    events.after(chance.expovariate(rate), push)
    settled = 0.1 + 3 * hosts * holdoff
    events.run_until(settled)
    before, redis.pickups = redis.bells, []
    seconds = max(2.0, min(60.0, 200 / rate))
    events.run_until(settled + seconds)
    ordered = sorted(redis.pickups)
    return Outcome(
        share=(redis.bells - before) / seconds,
        median=ordered[len(ordered) // 2],
        worst=ordered[int(len(ordered) * 0.99)],
    )


def table(holdoff: float) -> str:
    """In Markdown: one line for each size of fleet, one column for each rate."""
    lines = [
        "| idle hosts | " + " | ".join(f"{rate:,} push{'es' * (rate > 1)}/s" for rate in RATES) + " |",
        "|---|" + "---|" * len(RATES),
    ]
    for hosts in HOSTS:
        cells = [simulate(hosts=hosts, rate=rate, holdoff=holdoff) for rate in RATES]
        shown = [f"{one.share:.1%}, {one.median * 1e3:.1f} / {one.worst * 1e3:.1f} ms" for one in cells]
        lines.append(f"| {hosts:,} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print a table for each holdoff, in ms, on the command line; without any, for the one in use."""
    for holdoff in [float(word) / 1e3 for word in sys.argv[1:]] or [HOLDOFF]:
        head = f"Mean holdoff {holdoff * 1e3:g} ms a daemon: share of Redis's time, pickup p50 / p99"
        sys.stdout.write(f"{head}\n\n{table(holdoff)}\n\n")


if __name__ == "__main__":
    main()
