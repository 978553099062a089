"""A program: real job threads, and libraries' exceptions raised in them late, twice, at any moment; says what it saw.

Usage: stray_race.py SECONDS [SEED]. Prints `struck N times, R threads replaced, J jobs, seed S`; exits 1 with a
reason where a job has not had exactly one outcome, or a thread is missing at the end.
"""

from __future__ import annotations

import ctypes
import random
import sys
import threading
import time
from collections.abc import Iterator

from resqd.app import App
from resqd.clock import monotonic
from resqd.store.inflight.owner import Failure, Reservation
from resqd.threads import Title, Wake
from resqd.wire.birth import Page
from resqd.worker.endings import Endings
from resqd.worker.executor import Executor
from resqd.worker.holdings import Holdings
from resqd.worker.pool import Pool
from tests.support.trials import trials_of

THREADS = 3
BATCH = 50
app = App()
_raise = ctypes.pythonapi.PyThreadState_SetAsyncExc
_raise.argtypes = (ctypes.c_ulong, ctypes.py_object)


class Late(BaseException):
    """What a timeout's library might raise."""


KINDS = (Late, TimeoutError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit, ValueError)


@app.job(queue="q", name="work")
def work(turns: int) -> None:
    for _ in range(turns):
        pass


def report(token: int, **_known: object) -> Failure:
    return Failure(token, b"{}")


class Race:
    """The pool of a worker, and this program in its fetcher's place."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.holdings = Holdings(capped=())
        self.wake = Wake()
        self.page = Page(THREADS)
        executors = [
            Executor(
                index=index,
                buffer=self.holdings.buffer,
                endings=Endings(outcomes=self.holdings.outcomes, spared=(), report=report, timed=False),
                jobs=app.jobs,
                title=Title(),
                trials=trials_of(app.jobs),
            )
            for index in range(THREADS)
        ]
        self.pool = Pool(
            executors=executors, page=self.page, wake=self.wake, ended=lambda: None, clock=monotonic
        )
        self.struck = self.jobs = 0
        self.over = False

    def strike(self) -> None:
        """Raise something in some job thread, now and then twice or thrice at once, until the race is over."""
        while not self.over:
            thread = self.random.choice(self.pool.executors).slot.thread_id
            for _ in range(self.random.choice((1, 1, 2, 3))):
                if thread:
                    self.struck += _raise(thread, self.random.choice(KINDS))
                if self.random.random() < 0.5:
                    time.sleep(0)
            time.sleep(self.random.random() * 0.0004)

    def batches(self, seconds: float) -> Iterator[list[Reservation]]:
        """Jobs that take next to no time and some that take a while."""
        end, seq = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            seq += 1
            yield [
                (
                    (seq << 16) + number,
                    "q",
                    b'{"class":"work","args":[%d]}' % self.random.choice((0, 0, 2000)),
                )
                for number in range(self.random.randrange(1, BATCH))
            ]

    def settle(self, batch: list[Reservation]) -> str:
        """Wait for all outcomes; what went wrong, '' where nothing did."""
        self.holdings.take_in(batch, time.monotonic())
        self.jobs += len(batch)
        told: list[int] = []
        deadline = time.monotonic() + 10
        while len(self.holdings):
            self.pool.look()
            self.pool.start(0)
            done, _, failed, _ = self.holdings.settle()
            told += [*done, *(one.token for one in failed)]
            if time.monotonic() >= deadline:
                return f"{len(self.holdings)} jobs were never told of"
            time.sleep(0.0005)
        return "" if sorted(told) == [token for token, _, _ in batch] else f"told of {told}"


def main() -> int:
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.setswitchinterval(0.00001)
    threading.excepthook = lambda _told: None
    race = Race(seed)
    race.pool.start(THREADS)
    striker = threading.Thread(target=race.strike, daemon=True)
    striker.start()
    wrong = ""
    for batch in race.batches(float(sys.argv[1])):
        if wrong := race.settle(batch):
            break
    race.over = True
    striker.join(10)
    race.holdings.finish(THREADS)
    deadline = time.monotonic() + 10
    while race.pool.released(THREADS) < THREADS and time.monotonic() < deadline:
        race.pool.look()
        race.pool.start(0)
        time.sleep(0.001)
    if not wrong and race.pool.released(THREADS) < THREADS:
        wrong = "threads do not end"
    if not wrong and race.page.running():
        wrong = f"the page still shows {race.page.running()}"
    sys.stdout.write(
        f"{wrong}struck {race.struck} times, {race.pool.replaced} threads replaced, {race.jobs} jobs, seed {seed}\n"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
