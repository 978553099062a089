"""The jobs of a chaos run: quick ones, failing ones, killers, and such as harm the process that they run in."""

import ctypes
import fcntl
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import resqd
from resqd.store.keys import Keys
from resqd.store.resque.backends import Place, Record
from tests.support.recorded import RECORD, note

REFUSED = 0.1
"""Seconds for which a job lets its process start no thread."""
TRIES = 3
"""The try in which a job that is tried again ends."""
RAISES = 0.02
"""The share of failures for which the failure backend raises."""

app = resqd.App()


class Moody:
    """A failure backend of the application's own that raises now and then; its records must not be lost by that."""

    def place(self, queue: str, keys: Keys) -> Place:  # noqa: ARG002 - every queue has the same list
        if random.random() < RAISES:
            raise LookupError("no place today")
        return Place((keys.failed,))

    def save(self, record: Record) -> None:  # noqa: ARG002 - it raises for any
        if random.random() < RAISES:
            raise LookupError("not saved today")


app.failure_policy.backends = (Moody(),)


class _Locks:
    """One byte of a file for each job, locked by the process that runs it; the kernel frees it with the process.

    The file is opened once in each process, since closing it anywhere in it would free all its locks.
    """

    def __init__(self) -> None:
        self._opened: tuple[int, int] = (0, -1)
        self._opening = threading.Lock()

    @contextmanager
    def holding(self, number: int) -> Iterator[None]:
        """Say so in the record where another process is running this job at this moment."""
        descriptor = self._descriptor()
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            note("twice", number)
        note("start", number)
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, number)

    def _descriptor(self) -> int:
        with self._opening:
            if self._opened[0] != os.getpid():
                path = f"{os.environ[RECORD]}.locks"
                self._opened = (os.getpid(), os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            return self._opened[1]


_running = _Locks()


@app.job(queue="work", name="Nap")
def nap(number: int, seconds: float = 0.0) -> None:
    """Sleeps."""
    with _running.holding(number):
        if seconds:
            time.sleep(seconds)
        note("end", number)


@app.job(queue="work", name="Few", limits=resqd.limit("few", resqd.Concurrency(3)))
def few(number: int, seconds: float) -> None:
    """Sleeps, with few others at a time, and fewer in the midst of it."""
    with _running.holding(number), resqd.limit("fewer", resqd.Concurrency(2)):
        time.sleep(seconds)
        note("end", number)


@app.job(queue="work", name="Raise")
def fail(number: int) -> None:
    """Fails."""
    with _running.holding(number):
        raise ValueError(f"job {number} fails, as it should")


@app.job(queue="work", name="Poison")
def poison(number: int, signal_number: int) -> None:
    """Kills its own process."""
    with _running.holding(number):
        note("dies", number)
        os.kill(os.getpid(), signal_number)
        time.sleep(60)


@app.job(queue="work", name="Again", retry=resqd.Retry(9, first=0.2, factor=1.0))
def again(number: int) -> None:
    """Fails twice, and then ends: it begins for good in its third try only, however often its process died."""
    current = resqd.current_job()
    assert current is not None
    if current.attempt < TRIES:
        note(f"try{current.attempt}", number)
        raise ValueError(f"job {number} fails for now")
    with _running.holding(number):
        note("end", number)


@app.job(queue="work", name="Late", timeout=0.3)
def late(number: int) -> None:
    """Runs until its time is over."""
    with _running.holding(number):
        while True:
            time.sleep(0.01)


@app.job(queue="work", name="Hold")
def hold(number: int, seconds: float) -> None:
    """Holds the GIL for so long: no other thread of the process runs, so that it hears of nothing."""
    with _running.holding(number):
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))
        note("end", number)


@app.job(queue="work", name="Choke")
def choke(number: int) -> None:
    """For a moment no thread can be started in its process, as at a limit of the system's."""

    def refuse(self: threading.Thread) -> None:  # noqa: ARG001 - a method's place
        raise RuntimeError("can't start new thread")

    with _running.holding(number):
        start, threading.Thread.start = threading.Thread.start, refuse  # type: ignore[method-assign] # the fault itself
        try:
            time.sleep(REFUSED)
        finally:
            threading.Thread.start = start  # type: ignore[method-assign] # the fault itself
        note("end", number)


@app.job(queue="work", name="Tick")
def tick(_args_as_others_have: int) -> None:
    """Recurs; its number is the time for which it was enqueued."""
    job = resqd.current_job()
    assert job is not None
    number = int(str(job.id).rpartition(":")[2])
    with _running.holding(number):
        note("end", number)


tick.every("1s", args=[0])

KILLS = (signal.SIGKILL, signal.SIGSEGV)
