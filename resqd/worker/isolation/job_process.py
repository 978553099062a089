"""A process that runs one isolated job: it has one thread, and tells the thread that waits for it what goes on."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from setproctitle import setproctitle

from resqd import events
from resqd.current import bind_thread
from resqd.cursors import Progress
from resqd.errors import JobInterrupt
from resqd.job import Job
from resqd.log import flush_streams
from resqd.process_hooks import ProcessHooks
from resqd.store.resque.payload import Payload, decode
from resqd.wire.intent import SIGNALS
from resqd.worker.endings import Endings, Told
from resqd.worker.interrupt import Slot
from resqd.worker.isolation.line import (
    BEGINS,
    CURSOR,
    HOLDS,
    LATE,
    LEAVE,
    OUTCOME,
    PROCESS,
    PROGRESS,
    SPARED,
    Line,
    close_all,
)
from resqd.worker.recorder import named
from resqd.worker.signals import IGNORED
from resqd.worker.trial import Trials

if TYPE_CHECKING:
    from resqd.current import Doors

CRASHED = 70
"""Exit status where our own code raised (EX_SOFTWARE of sysexits.h)."""
SHARE = struct.Struct("<dd")
"""Done and total, before a progress's note."""
_FIRST_TO_GO = b"500"
"""For the kernel's choice of whom to kill where memory runs out: rather this process than a worker or the master."""


class Request(NamedTuple):
    """What to run: as a reservation has it, since when and until when (monotonic), and with how many bytes of memory.

    `inflight` and `force` are those of the worker's Doors.
    """

    token: int
    queue: str
    raw: bytes
    since: float
    deadline: float | None
    memory: int | None
    inflight: str
    force: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """What jobs run with, wired in the master as for a worker's threads."""

    hooks: ProcessHooks
    jobs: Mapping[str, Job[..., object]]
    endings: Endings
    spared: set[int]
    trials: Callable[[Slot], Trials]
    doors: Callable[..., Doors]
    title: str


class Answer(NamedTuple):
    """How the job ended: what is to be told of it, None where it has simply succeeded, or goes back to its queue."""

    told: Told | None = None
    unfinished: bool = False


SUCCESS = Answer()


def become(line: Line, stage: Stage) -> NoReturn:
    """Run the job that the other end asks for, and end this process."""
    status = CRASHED
    try:
        JobProcess(line, stage).run()
        status = 0
    except BaseException:  # noqa: BLE001 - the process's top
        events.Worker.job_process_crashed()
    finally:
        flush_streams()
        os._exit(status)


_OURS = {*SIGNALS, *IGNORED, signal.SIGCHLD}
_running: list[JobProcess] = []
"""The one of this process; none in the forker."""


def prepare() -> None:
    """In the forker, for all its children: TERM ends a job, and what else is sent to the whole group is for none.

    Here the signals stay blocked; a child lets them come when it can take them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in SIGNALS:
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda _number, _frame: _running[0].interrupted())
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(_FIRST_TO_GO)


class JobProcess:
    """The process, as its job's journal too."""

    def __init__(self, line: Line, stage: Stage) -> None:
        self._line = line
        self._stage = stage
        self._slot = Slot()
        self._slot.journal = self
        self._trials = stage.trials(self._slot)
        self._pending = False
        self._leaving = False
        self._cursor = b""
        self._progress: Progress | None = None

    def run(self) -> None:
        """From the request to the answer."""
        _running.append(self)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
        request = self._request()
        pidfd = os.pidfd_open(os.getpid())
        self._line.send(PROCESS, descriptor=pidfd)
        os.close(pidfd)
        payload = decode(request.raw)
        payload = self._stage.jobs[payload.job_class].opened(payload)
        payload = self._stage.jobs[payload.job_class].opened(payload)
        setproctitle(f"{self._stage.title} {named(payload)}")
        self._stage.hooks.run("after_fork")
        self._begin(request, payload)
        os.register_at_fork(after_in_child=self._become_a_copy)
        self._line.send(BEGINS)
        answer = self._perform(payload, request.memory)
        self._line.send(OUTCOME, b"" if answer == SUCCESS else pickle.dumps(answer))

    def _request(self) -> Request:
        descriptors: list[int] = []
        while (frames := self._line.receive(descriptors)) == []:
            continue
        close_all(descriptors)
        if frames is None:
            os._exit(0)  # nobody waits
        return Request(*pickle.loads(frames[0][1]))  # noqa: S301 - our own worker's

    def _begin(self, request: Request, payload: Payload) -> None:
        slot = self._slot
        slot.token, slot.queue, slot.since, slot.payload = (
            request.token, request.queue, request.since, payload,
        )  # fmt: skip
        if request.deadline is not None:
            slot.timed = request.token, request.deadline
        slot.doors = self._stage.doors(
            inflight=request.inflight, force=request.force, using=lambda: self._send(HOLDS)
        )
        bind_thread(slot)

    def _perform(self, payload: Payload, memory: int | None) -> Answer:
        slot, stage = self._slot, self._stage
        job = stage.jobs[payload.job_class]
        before = resource.getrlimit(resource.RLIMIT_DATA)
        try:
            try:
                if memory is not None:
                    resource.setrlimit(resource.RLIMIT_DATA, (memory, before[1]))
                slot.open = True
                if slot.cancelled:  # before it has begun
                    raise JobInterrupt
                return Answer(self._trials.work(job, payload))
            finally:
                slot.open = False
        except BaseException as error:  # noqa: BLE001 - the job's boundary: whatever it raises is its failure
            slot.open = False
            resource.setrlimit(resource.RLIMIT_DATA, before)  # its record needs some, too
            error = self._trials.told(error)
            told = stage.endings.judged(slot, payload.raw, payload, self._trials, error)
            return Answer(told, told is None)

    # --- signals and letters

    def interrupted(self) -> None:
        """A signal has come that ends the job."""
        self._hear()
        self._slot.cancelled = True
        if self._line.sending:
            self._pending = True  # half a frame would be left
        elif self._slot.open:
            raise JobInterrupt

    def _hear(self) -> None:
        letters = self._line.letters()
        if SPARED in letters:
            self._stage.spared.add(self._slot.token)
        if LATE in letters:
            self._slot.overrun = self._slot.token
        self._leaving = self._leaving or LEAVE in letters

    def _send(self, kind: bytes, body: bytes = b"") -> None:
        self._line.send(kind, body)
        if self._pending and self._slot.open:
            self._pending = False
            raise JobInterrupt

    def _become_a_copy(self) -> None:
        """In a process that the job has forked: it settles nothing, and ends with the job."""
        self._stage.endings.copied = True
        self._line.close()
        for number in (*SIGNALS, *IGNORED):
            signal.signal(number, signal.SIG_DFL)
        setproctitle(f"{self._stage.title} forked by a job")

    # --- the job's journal

    @property
    def leaving(self) -> bool:
        """Whether the job should go on elsewhere."""
        self._hear()
        return self._leaving

    def keep(self, token: int, cursor: bytes) -> None:
        """Take a cursor."""
        del token
        self._cursor = cursor
        self._send(CURSOR, cursor)

    def cursor(self, token: int) -> bytes:
        """The last one of this run."""
        del token
        return self._cursor

    def tell(self, token: int, progress: Progress) -> None:
        """Take what people are to see."""
        del token
        self._progress = progress
        self._send(
            PROGRESS, SHARE.pack(progress.done, progress.total) + progress.note.encode("utf-8", "replace")
        )

    def progress(self, token: int) -> Progress | None:
        """What was told last."""
        del token
        return self._progress


def progress_of(body: bytes) -> Progress:
    """What a frame of progress says."""
    done, total = SHARE.unpack_from(body)
    return Progress(done, total, body[SHARE.size :].decode())


def answer_of(body: bytes) -> Answer:
    """What a frame with an outcome says."""
    if not body:
        return SUCCESS
    answer: Answer = pickle.loads(body)  # noqa: S301 - of our own process
    return answer
