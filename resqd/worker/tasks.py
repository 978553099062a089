"""Async jobs: tasks on one event loop thread of a worker, beside its job threads, so many at a time.

A job thread takes an async job out of the buffer, as it does any other, and lends it to the loop. The loop has a cell
and a slot for each of its places, so that the master sees, kills and blames its jobs as those of threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from resqd.current import in_task
from resqd.errors import JobInterrupt
from resqd.text import shown
from resqd.threads import NamedThread
from resqd.wire.birth import Page, id_line, text_line, write_limit, write_line
from resqd.worker.copies import leave
from resqd.worker.holdings import Holdings, Lent, Outcome, Settled, Unfinished
from resqd.worker.interrupt import MOST, Slot, clear_pending, raise_in_thread
from resqd.worker.results import Kept

if TYPE_CHECKING:
    import asyncio

    from resqd.job import Job
    from resqd.store.resque.payload import Payload
    from resqd.threads import Wake
    from resqd.worker.endings import Endings
    from resqd.worker.trial import Trials

BLOCKED_AFTER = 1.0
"""Seconds after which a job that has not let the loop go on is named."""
LOOK_EVERY = 0.1
"""Seconds after which a job thread that waits for a place sees whether it should give its job back."""


class Task(Slot):
    """One place on the loop. It is interrupted by cancellation first, then, in the midst of a step, as a thread is."""

    __slots__ = ("cancel", "running", "step_since", "stepping")

    def __init__(self) -> None:
        super().__init__()
        self.stepping = False
        """Whether the job's own code runs on the loop just now, so that an exception strikes it and nothing else."""
        self.step_since = 0.0
        self.running: asyncio.Task[None] | None = None
        self.cancel: Callable[[int], object] = lambda _token: None

    def interrupt(self, token: int, *, late: bool = False) -> bool:
        """Ask the job to end: cancel its task and, the second time, raise JobInterrupt where it blocks the loop."""
        self.striking = True
        try:
            if not self.open or self.token != token:
                return False
            if late and not self.cancelled:
                self.overrun = token
            self.cancelled = True
            if self.interrupts < MOST:
                self.interrupts += 1
                self.cancel(token)
                if self.interrupts > 1 and self.stepping:
                    raise_in_thread(self.thread_id)
            return True
        finally:
            self.striking = False

    def begin_step(self) -> None:
        """The job's code goes on."""
        self.step_since = time.monotonic()
        self.stepping = True

    def end_step(self) -> None:
        """It has let go of the loop; what was raised for it must strike nobody else."""
        self.stepping = False
        if self.cancelled or self.striking:
            while self.striking:
                time.sleep(0)
            clear_pending(self.thread_id)


class Steps(Coroutine[Any, Any, None]):
    """A job's coroutine, whose steps are marked. What strikes between two instructions of ours is thrown into it."""

    __slots__ = ("_coroutine", "_task")

    def __init__(self, task: Task, coroutine: Coroutine[Any, Any, None]) -> None:
        self._task = task
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        """As a coroutine's."""
        return self._step(partial(self._coroutine.send, value))

    def throw(self, *error: Any) -> Any:
        """As a coroutine's."""
        return self._step(partial(self._coroutine.throw, *error))

    def close(self) -> None:
        """As a coroutine's."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()

    def _step(self, step: Callable[[], Any]) -> Any:
        task = self._task
        try:
            try:
                task.begin_step()
                return step()
            finally:
                task.end_step()
        except JobInterrupt as error:  # of its own it lets none out: this one has struck here
            return self._coroutine.throw(error)


class Loop:
    """The event loop, its thread and its places. Built in the master without any of them; begun in the child."""

    def __init__(
        self,
        *,
        count: int,
        first: int,
        holdings: Holdings,
        endings: Endings,
        trials: Callable[[Slot], Trials],
    ) -> None:
        self.tasks = [Task() for _ in range(count)]
        self._first = first  # the cell of the first place
        self._holdings = holdings
        self._endings = endings
        self._trials = [trials(task) for task in self.tasks]
        self._free: SimpleQueue[int] = SimpleQueue()
        self._lent: deque[tuple[int, Payload, Job[..., object]]] = deque()
        self._rung = False
        self._places = 0
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._page: Page
        self._wake: Wake
        self._holding: Callable[[], bool]

    def begin(self, *, page: Page, wake: Wake, holding: Callable[[], bool]) -> None:
        """Use the cells of this page that the threads leave. `holding`: whether nothing more is to begin here."""
        self._page, self._wake, self._holding = page, wake, holding
        self._places = max(0, min(len(self.tasks), len(page.cells) - self._first))
        for place in range(self._places):
            self._free.put(place)

    def blocker(self, now: float) -> str:
        """The job that has kept the loop for BLOCKED_AFTER, as people see its class and id; mostly none."""
        for task in self.tasks:
            payload = task.payload
            if task.stepping and payload is not None and now - task.step_since >= BLOCKED_AFTER:
                return f"{shown(payload.job_class)} {shown(payload.id or '(no id)')}"
        return ""

    @property
    def open(self) -> bool:
        """Whether there are places on the loop: on probation there are none, and the job thread runs what there is."""
        return self._places > 0

    def lend(self, token: int, queue: str, payload: Payload, job: Job[..., object]) -> Lent | Unfinished:
        """Let the loop run a job; called on a job thread, which waits for a place.

        It goes back to its queue where nothing is to begin here any more.
        """
        while True:
            try:
                place = self._free.get(timeout=LOOK_EVERY)
                break
            except Empty:
                if self._holding():
                    return Unfinished(token)
        task = self.tasks[place]
        task.outcome, task.payload = None, payload
        if queue is not task.queue:
            task.line = text_line(queue)
        self._page.cells[self._first + place] = token
        self._holdings.lent.add(token)
        task.begin(token, queue)
        self._lent.append((place, payload, job))
        if not self._rung:
            self._rung = True
            self._running_loop().call_soon_threadsafe(self._start)
        return Lent(token)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            with self._starting:
                if self._loop is None:
                    import asyncio  # noqa: PLC0415 - 5 MB and 50 ms, for workers with async jobs only

                    loop = asyncio.new_event_loop()
                    NamedThread(name="loop", target=partial(self._run, loop)).start()
                    self._loop = loop
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        ident = threading.get_ident()
        for task in self.tasks:
            task.thread_id = ident
            task.cancel = partial(self._cancel, loop, task)
        while True:
            try:
                loop.run_forever()
            except BaseException:  # noqa: BLE001, S112 - struck between two steps, or a job's sys.exit: the others go on
                continue

    def _start(self) -> None:
        self._rung = False
        lent, loop = self._lent, self._running_loop()
        while lent:
            place, payload, job = lent.popleft()
            task = self.tasks[place]
            task.running = loop.create_task(Steps(task, self._perform(place, payload, job)))

    def _cancel(self, loop: asyncio.AbstractEventLoop, task: Task, token: int) -> None:
        def cancel() -> None:
            if task.token == token and task.open and task.running is not None:
                task.running.cancel()

        loop.call_soon_threadsafe(cancel)

    async def _perform(self, place: int, payload: Payload, job: Job[..., object]) -> None:
        """Run a job to its outcome, which is handed over whatever happens."""
        task, trials, cell = self.tasks[place], self._trials[place], self._first + place
        token, since = task.token, task.since
        in_task.set((task, token))
        self._holdings.lent_begun.add(token)
        write_line(*self._page.line(cell), since, id_line(payload.id), job.label, task.line, token)
        outcome: Outcome
        try:
            ended = trials.begin(job, payload, partial(write_limit, *self._page.limit(cell)))
            if ended is None:
                kept = Kept(job, payload)
                if job.direct and not kept.gives:
                    kept.value = await job.begun(*payload.args)
                else:
                    await job.arun(payload.args, trials.judge, kept.keep)
                close(task)
                ended = trials.end(job, payload, kept)
            if ended is not None:
                outcome = Settled(token, payload, ended, since, time.monotonic())
            elif self._endings.timed:
                outcome = token, payload.job_class, since, time.monotonic(), payload.enqueued_at
            else:
                outcome = token
        except BaseException as error:  # noqa: BLE001 - the job's boundary: whatever it raises is its failure
            close(task)
            outcome = self._endings.of_failed(task, payload.raw, payload, trials, trials.told(error))
        if self._endings.copied:
            leave(None)
        self._hand_over(place, task, outcome)

    def _hand_over(self, place: int, task: Task, outcome: Outcome) -> None:
        task.payload = task.running = None
        self._endings.outcomes.append(outcome)
        self._page.cells[self._first + place] = 0
        self._free.put(place)
        if self._wake.armed:
            self._wake.ring()


def close(task: Task) -> None:
    """Close the slot: from then on nothing strikes this job's end."""
    while True:
        try:
            task.close()
        except JobInterrupt:
            continue
        return
