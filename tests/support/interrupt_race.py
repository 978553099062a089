"""A program: runs jobs on a real job thread and interrupts each one about when it ends; says what it saw.

Usage: interrupt_race.py TRIALS [SEED]. Prints `struck N of TRIALS, seed S`; exits 1 with a reason where an
interrupt did harm.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import deque
from queue import SimpleQueue
from typing import Any

from resqd.app import App
from resqd.errors import JobInterrupt
from resqd.store.inflight.owner import Failure
from resqd.threads import Title, Wake
from resqd.wire.birth import Page
from resqd.worker.endings import Endings
from resqd.worker.executor import Executor
from resqd.worker.holdings import LAST, Failed
from tests.support.trials import trials_of

THREADS = 2
app = App()


@app.job(queue="q", name="work")
def work(microseconds: int) -> None:
    """Work for a while; in half of the runs with a clean-up, which the second interrupt may hit."""
    end = time.perf_counter() + microseconds / 1e6
    try:
        while time.perf_counter() < end:
            pass
    finally:
        if microseconds % 2:
            while time.perf_counter() < end + 0.00002:
                pass


def report(token: int, **_known: object) -> Failure:
    for _ in range(20):  # some bookkeeping, for an interrupt to hit
        pass
    return Failure(token, b"{}")


class Race:
    """A job thread with its buffer and outcomes, and the interrupter."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.outcomes: deque[Any] = deque()
        self.buffers: list[SimpleQueue[Any]] = [SimpleQueue() for _ in range(THREADS)]
        self.page = Page(THREADS)
        self.executors = [
            Executor(
                index=index,
                buffer=self.buffers[index],
                endings=Endings(outcomes=self.outcomes, spared=(), report=report, timed=False),
                jobs=app.jobs,
                title=Title(),
                trials=trials_of(app.jobs),
            )
            for index in range(THREADS)
        ]
        self.threads = [
            threading.Thread(target=self.run_executor, args=(executor,), daemon=True)
            for executor in self.executors
        ]
        self.died: list[BaseException] = []
        self.struck = 0

    def run_executor(self, executor: Executor) -> None:
        try:
            executor.run(thread_id=threading.get_ident(), page=self.page, wake=Wake())
        except BaseException as error:  # noqa: BLE001 - that is what must not happen
            self.died.append(error)

    def trial(self, token: int) -> None:
        """One job on each thread; the first is interrupted, twice at once as often as not."""
        slot, microseconds = self.executors[0].slot, self.random.randrange(50, 150)
        for index, buffer in enumerate(self.buffers):
            own = token * THREADS + index
            payload = b'{"class":"work","args":[%d],"id":"%d"}' % (microseconds, own)
            buffer.put((own, "q", payload))
        target = token * THREADS
        deadline = time.monotonic() + 10
        while slot.token != target and not self.died and time.monotonic() < deadline:
            time.sleep(0)
        strike_at = slot.since + (microseconds + self.random.uniform(-60, 40)) / 1e6
        while time.monotonic() < strike_at:
            time.sleep(0)
        self.struck += slot.interrupt(target)
        if self.random.random() < 0.5:
            slot.interrupt(target)
        while len(self.outcomes) < THREADS and not self.died and time.monotonic() < deadline:
            time.sleep(0)

    def judge(self, token: int) -> str:
        """What went wrong; '' where nothing did."""
        if self.died:
            return f"a job thread died of {self.died[0]!r}"
        found = sorted(one.token if isinstance(one, Failed) else one for one in self.outcomes)
        if found != [token * THREADS + index for index in range(THREADS)]:
            return f"outcomes {found} of trial {token}"
        if any(isinstance(one, Failed) and one.token != token * THREADS for one in self.outcomes):
            return f"the bystander of trial {token} was hit"
        self.outcomes.clear()
        return ""


def main() -> int:
    trials = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    sys.setswitchinterval(0.00001)
    race = Race(seed)
    for thread in race.threads:
        thread.start()
    for token in range(1, trials + 1):
        try:
            race.trial(token)
        except JobInterrupt:
            sys.stdout.write(f"an interrupt hit the main thread, seed {seed}\n")
            return 1
        if wrong := race.judge(token):
            sys.stdout.write(f"{wrong}, seed {seed}\n")
            return 1
    for buffer in race.buffers:
        buffer.put(LAST)
    for thread in race.threads:
        thread.join(10)
    sys.stdout.write(f"struck {race.struck} of {trials}, seed {seed}\n")
    return int(any(thread.is_alive() for thread in race.threads))


if __name__ == "__main__":
    sys.exit(main())
