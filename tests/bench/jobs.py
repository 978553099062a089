"""The application that the benchmark's daemons run."""

import mmap
import os
import time
from functools import cache

import resqd

QUEUE = "bench"
STAMPS_FILE = "BENCH_STAMPS"

app = resqd.App()


@app.job(queue=QUEUE, name="Noop")
def noop(_number: int) -> None:
    """Nothing, which is the most that a system for jobs can be measured by."""


@app.job(queue=QUEUE, name="Nap")
def nap(seconds: float) -> None:
    """Wait as for a network, without the interpreter's lock."""
    time.sleep(seconds)


@app.job(queue=QUEUE, name="Fail")
def fail(number: int) -> None:
    """Fail for good."""
    raise RuntimeError(number)


@app.job(queue=QUEUE, name="FailAgain", retry=resqd.Retry(9, first=3600.0))
def fail_again(number: int) -> None:
    """Fail, to be tried again in an hour."""
    raise RuntimeError(number)


@app.job(queue=QUEUE, name="Stamp")
def stamp(number: int) -> None:
    """Write the time of this start into a file that the benchmark shares."""
    stamp_now(number)


def stamp_now(number: int) -> None:
    """Write the time into a place of that file."""
    now = time.monotonic_ns()
    _stamps(os.getpid())[number] = now


@cache
def _stamps(_pid: int) -> memoryview:
    with open(os.environ[STAMPS_FILE], "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
