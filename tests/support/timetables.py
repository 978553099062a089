"""Several daemons that keep one timetable in a real Redis, whose clock the test moves."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import TYPE_CHECKING

from resqd.cron.entry import Entry
from resqd.cron.tables import Declaration
from resqd.housekeeper.cron import AGAIN, Cron
from resqd.store.cron.timetable import Timetable
from resqd.store.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

    from resqd.cron.schedule import Schedule
    from resqd.store.redis.link import Link
    from tests.support.redis_clock import RedisClock

START = 1_790_000_000 // 86_400 * 86_400  # midnight UTC
KEYS = Keys()


def entry(name: str, schedule: Schedule, *, misfire: str = "once", queue: str = "cron") -> Entry:
    return Entry(name, schedule, "jobs.Tick", queue, (name,), misfire)


class Fleet:
    """Daemons by life; `now` is Redis's time, `passed` the seconds on the hosts' own clocks."""

    def __init__(self, clock: RedisClock, client: redis.Redis, open_link: Callable[[], Link]) -> None:
        self.clock = clock
        self.client = client
        self.open_link = open_link
        self.daemons: dict[str, Cron] = {}
        self.passed = 1_000.0
        self.now = float(START)
        self.set(self.now)

    def set(self, now: float) -> None:
        """Redis's clock jumps; no time passes."""
        self.now = now
        self.clock.now = now

    def start(self, life: str, *entries: Entry, app: str = "shop", release: str = "") -> Cron:
        """A life of a daemon begins; its first duty is done, too."""
        self.client.hset(KEYS.daemons, life, 1)
        texts = {
            each.name: Entry(
                each.name, each.schedule, each.job_class, each.queue, each.args, each.misfire, app
            ).to_json()
            for each in entries
        }
        self.daemons[life] = cron = Cron(
            timetable=Timetable(self.open_link(), KEYS),
            declaration=Declaration(life, app, release, texts),
            clock=lambda: self.passed,
            random=lambda: 0.5,
        )
        self.tend(cron)
        return cron

    def end(self, life: str) -> None:
        """A life ends, and its heartbeat is struck off."""
        del self.daemons[life]
        self.client.hdel(KEYS.daemons, life)

    def tend(self, cron: Cron) -> None:
        """Let one do its duty until it wants to wait."""
        for _ in range(50):
            cron.tend()
            if cron.wait() != AGAIN:
                return
        raise AssertionError("it never comes to rest")

    def tend_all(self) -> None:
        """All of them at once, each on a thread of its own."""
        troubles: list[Exception] = []

        def work(cron: Cron) -> None:
            try:
                self.tend(cron)
            except Exception as error:  # noqa: BLE001 - a thread's top; raised again below
                troubles.append(error)

        threads = [threading.Thread(target=work, args=(cron,)) for cron in self.daemons.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if troubles:
            raise troubles[0]

    def step(self, seconds: float) -> None:
        """Time passes everywhere; then everybody looks."""
        self.passed += seconds
        self.set(self.now + seconds)
        self.tend_all()

    def pass_time(self, seconds: int, step: int = 30) -> None:
        for _ in range(seconds // step):
            self.step(step)

    def ids(self, queue: str = "cron") -> list[str]:
        """The ids of the jobs that were enqueued, in their order."""
        return [json.loads(raw)["id"] for raw in self.client.lrange(KEYS.queue(queue), 0, -1)]

    def ticks(self, name: str, queue: str = "cron") -> list[int]:
        """The times for which an entry's job was enqueued, after START, in seconds."""
        head = f"cron:{name}:"
        return [int(each.removeprefix(head)) - START for each in self.ids(queue) if each.startswith(head)]

    def expect_none_twice(self) -> None:
        twice = [each for each, count in Counter(self.ids()).items() if count > 1]
        assert not twice, twice
