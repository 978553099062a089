"""The worker's side of isolated jobs: what starts the forker, and lets a job thread wait for a job's process."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from setproctitle import setproctitle

from resqd import events
from resqd.errors import DirtyExit
from resqd.job import Job
from resqd.log import flush_streams
from resqd.store.resque.tries import postpone
from resqd.wire.birth import Birth
from resqd.worker.doorman import Doors
from resqd.worker.endings import Endings
from resqd.worker.holdings import Outcome, Unfinished
from resqd.worker.interrupt import Slot
from resqd.worker.isolation.forker import REFUSED, STATUS, Forker, die_with
from resqd.worker.isolation.job_process import Answer, Request, Stage, answer_of, become, prepare, progress_of
from resqd.worker.isolation.line import (
    BEGINS,
    CURSOR,
    ENDED,
    HOLDS,
    LATE,
    LEAVE,
    OUTCOME,
    PROCESS,
    PROGRESS,
    REQUEST,
    SPARED,
    Frame,
    Line,
)
from resqd.worker.recorder import named
from resqd.worker.trial import Trials

if TYPE_CHECKING:
    from resqd.store.resque.payload import Payload

LOOK_EVERY = 0.2
"""Seconds after which a thread that waits for a job's process looks whether the job should go on elsewhere."""
TRY_AGAIN = 1.0
"""Seconds until a job is offered again for which the system had no process."""
_LOST = 70


def start_forker(birth: Birth, stage: Stage) -> socket.socket:
    """Fork the forker, in a worker that has one thread yet, and nothing of its own; the socket to ask it by."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    flush_streams()
    worker = os.getpid()
    if os.fork():
        theirs.close()
        return ours
    try:
        die_with(worker)
        ours.close()
        birth.channel.close()
        birth.page.unmap()
        birth.bell.unmap()
        setproctitle(f"{stage.title} jobs of worker {birth.index}")
        prepare()
        Forker(theirs, partial(become, stage=stage)).serve()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the process's top
        events.Worker.job_process_crashed()
    finally:
        os._exit(_LOST)


class Deputy:
    """The process of one job, as who stops jobs sees it. The control thread strikes, the job's thread does all else."""

    def __init__(self, line: Line, spared: Callable[[], bool]) -> None:
        self.begun = False
        """Whether the job's code has begun."""
        self._line = line
        self._spared = spared
        self._descriptors: list[int] = []
        self._wanted = 0
        self._late = False

    @property
    def descriptors(self) -> list[int]:
        """Where that of the process is put when it comes."""
        return self._descriptors

    def strike(self, time: int, *, late: bool) -> None:
        """Interrupt the job, the first time; kill its process the second time."""
        self._wanted, self._late = time, late
        self.carry_out()

    def carry_out(self) -> None:
        """Do what was wanted, if the process is there; again when it is."""
        if not self._wanted or not self._descriptors:
            return
        letters = (SPARED if self._spared() else b"") + (LATE if self._late else b"")
        if letters:
            self._line.tell(letters)
        self._signal(signal.SIGTERM if self._wanted == 1 else signal.SIGKILL)

    def leave(self) -> None:
        """Let the job go on elsewhere, if it can."""
        self._line.tell(LEAVE)

    def close(self, *, kill: bool) -> None:
        """The process is gone; `kill`: unless this thread was struck in the midst of waiting."""
        if kill:
            self._signal(signal.SIGKILL)
        descriptors, self._descriptors = self._descriptors, []
        for descriptor in descriptors:
            os.close(descriptor)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(OSError, IndexError):  # it has ended meanwhile
            signal.pidfd_send_signal(self._descriptors[0], number)


class Isolation:
    """Runs jobs in processes of their own, for any job thread. Made in the master, begun in the worker."""

    def __init__(self, endings: Endings) -> None:
        self._endings = endings
        self._forker: socket.socket | None = None
        self.lost = False
        """Whether the forker is gone, and this worker can run no such job any more."""

    def begin(self, forker: socket.socket) -> None:
        """Use this forker, which start_forker has started for this worker."""
        self._forker = forker

    @property
    def descriptors(self) -> list[int]:
        """What it needs to be open."""
        return [] if self._forker is None else [self._forker.fileno()]

    def run(self, slot: Slot, job: Job[..., object], payload: Payload, trials: Trials) -> Outcome | None:
        """Let a process run the job in this slot, and wait for its end. None: a success, and no more to be told."""
        ours, theirs = socket.socketpair()
        line = Line(ours)
        deputy = Deputy(line, partial(self._endings.spares, slot))
        wait = _Wait(line, deputy, slot)
        try:
            with theirs:
                if not self._ask(theirs):
                    return self._not_begun(slot)
            slot.deputy = deputy
            wait.run(_request(slot, job, payload))
        finally:
            slot.close()  # nobody strikes any more
            slot.deputy = None
            deputy.close(kill=wait.status is None)
            line.close()
        return self._outcome(slot, job, payload, trials, wait)

    def _ask(self, theirs: socket.socket) -> bool:
        try:
            if self._forker is not None and not self.lost:
                socket.send_fds(self._forker, [b"F"], [theirs.fileno()])
                return True
        except OSError:
            self._lose()
        return False

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            events.Worker.forker_lost()

    def _not_begun(self, slot: Slot) -> Outcome:
        time.sleep(LOOK_EVERY)  # until this worker leaves, others should get it
        return Unfinished(slot.token)

    def _outcome(
        self, slot: Slot, job: Job[..., object], payload: Payload, trials: Trials, wait: _Wait
    ) -> Outcome | None:
        if wait.status is None:
            self._lose()
        elif wait.status == REFUSED:
            events.Worker.no_process(job=named(payload), delay=TRY_AGAIN)
            return self._endings.outcome(
                slot, payload, postpone(slot.token, payload, delay=TRY_AGAIN, kind="snooze")
            )
        if (answer := wait.answer) is None:
            return self._died(slot, job, payload, trials, wait.status)
        if answer.unfinished:
            return Unfinished(slot.token)
        return None if answer.told is None else self._endings.outcome(slot, payload, answer.told)

    def _died(
        self, slot: Slot, job: Job[..., object], payload: Payload, trials: Trials, status: int | None
    ) -> Outcome:
        """The end of a job whose process has told none: the blame is its own, whatever else may be said of a crash."""
        error = trials.told(DirtyExit(epitaph(status)))
        if not (slot.cancelled and self._endings.spares(slot)):
            job.hooks.report(error, payload.args, trials.judge)
        return self._endings.of_failed(slot, payload.raw, payload, trials, error)


class _Wait:
    """A thread's wait for a job's process: until the forker says how that has ended."""

    def __init__(self, line: Line, deputy: Deputy, slot: Slot) -> None:
        self.answer: Answer | None = None
        self.status: int | None = None
        """None: the forker has ended without a word."""
        self._line = line
        self._deputy = deputy
        self._slot = slot

    def run(self, request: Request) -> None:
        """Ask for the job to be run, and take what comes."""
        with suppress(OSError):  # the process, or the forker, is gone already, which it says below
            self._line.send(REQUEST, pickle.dumps(tuple(request)))
        self._line.socket.settimeout(LOOK_EVERY)
        left = False
        while self.status is None:
            if not left and self._slot.journal.leaving:
                left = True
                self._deputy.leave()
            try:
                frames = self._line.receive(self._deputy.descriptors)
            except TimeoutError:
                continue
            except OSError:
                return
            if frames is None:
                return
            self._take(frames)

    def _take(self, frames: Sequence[Frame]) -> None:
        slot, journal = self._slot, self._slot.journal
        latest = dict(frames)  # of each kind the last one counts
        if PROCESS in latest:
            self._deputy.carry_out()
        if BEGINS in latest:
            self._deputy.begun = True
        if HOLDS in latest and isinstance(slot.doors, Doors):
            slot.doors.using()
        if CURSOR in latest:
            journal.keep(slot.token, latest[CURSOR])
        if PROGRESS in latest:
            journal.tell(slot.token, progress_of(latest[PROGRESS]))
        if OUTCOME in latest:
            self.answer = answer_of(latest[OUTCOME])
        if ENDED in latest:
            [self.status] = STATUS.unpack(latest[ENDED])


def _request(slot: Slot, job: Job[..., object], payload: Payload) -> Request:
    doors = slot.doors if isinstance(slot.doors, Doors) else None
    return Request(
        token=slot.token,
        queue=slot.queue,
        raw=payload.raw,
        since=slot.since,
        deadline=slot.deadline,
        memory=job.options.memory_bytes,
        inflight=doors.inflight if doors else "",
        force=doors.force if doors else False,
    )


def epitaph(status: int | None) -> str:
    """What the record says of a job whose process has ended with this status, and has told no end of its job's."""
    if status is None:
        return "Job's process was killed with the one that had forked it"
    if status >= 0:
        return f"Job's process ended itself with status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    if -status == signal.SIGKILL:
        return f"Job's process was killed by {name}, as the kernel does where memory runs out"
    return f"Job's process was killed by {name}"
