"""Jobs that run on and on in every way that a job can; copied to where a test's daemon imports it from."""

import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import resqd

app = resqd.App()
VERSION = "old"


@app.hooks.after_fork
def boot() -> None:
    """Fails, or takes its time, while the test's folder holds a file that says so."""
    folder = Path(os.environ["STEERED_FOLDER"])
    if (folder / "no_boot").exists():
        sys.exit("no boot today")  # any other error in a hook is logged, and the worker goes on
    while (folder / "slow_boot").exists():
        time.sleep(0.01)


if "STRANGER" in os.environ:
    stranger = os.fork()
    if stranger == 0:
        os._exit(3)
    sys.stdout.write(f"stranger {stranger}\n")
    sys.stdout.flush()


def note(what: str, tag: str) -> None:
    """Append a line to the journal that the test reads; one write, so lines never mix."""
    journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND)
    os.write(journal, f"{what} {tag} {os.getpid()}\n".encode())
    os.close(journal)


def job(function: Callable[..., None]) -> object:
    return app.job(queue="q", name=function.__name__)(function)


@job
def quick(tag: str) -> None:
    note("ended", tag)


@job
def version(tag: str) -> None:
    note(VERSION, tag)


@job
def sleep(tag: str, seconds: float) -> None:
    """One call in C that gives up the GIL and cannot be interrupted by an exception before it returns."""
    note("begun", tag)
    time.sleep(seconds)
    note("ended", tag)


@job
def nap(tag: str, seconds: float) -> None:
    """Waits in Python, where an exception can come."""
    note("begun", tag)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        note("ended", tag)
    finally:
        note("finally", tag)


@job
def loop(tag: str) -> None:
    note("begun", tag)
    while True:
        pass


@job
def read(tag: str) -> None:
    """Blocks in a socket's read for ever."""
    ours, theirs = socket.socketpair()
    note("begun", tag)
    ours.recv(1)
    theirs.close()


@app.job(queue="q", name="regex")
def regex(tag: str) -> None:
    """Holds the GIL for ages in one call."""
    note("begun", tag)
    re.match("(a+)+$", "a" * 60 + "b")


@job
def stubborn(tag: str) -> None:
    """Swallows every Exception."""
    note("begun", tag)
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001 - that is the fault
            continue


@job
def swallower(tag: str) -> None:
    """Swallows everything, once."""
    note("begun", tag)
    try:
        while True:
            time.sleep(0.01)
    except BaseException:  # noqa: BLE001 - that is the fault
        note("swallowed", tag)
    while True:
        time.sleep(0.01)


class _Destroyed:
    def __init__(self, tag: str, seconds: float) -> None:
        self.tag, self.seconds = tag, seconds

    def __del__(self) -> None:
        end = time.monotonic() + self.seconds
        note("begun", self.tag)
        while time.monotonic() < end:
            time.sleep(0.01)


@job
def destroyer(tag: str, seconds: float) -> None:
    """Spends the time of its first interrupt in a `__del__`, whose exceptions Python only prints."""
    victim = _Destroyed(tag, seconds)
    del victim
    note("after", tag)
    while True:
        time.sleep(0.01)


@job
def polite(tag: str) -> None:
    """Ends by itself when it is asked; it cannot be interrupted while it looks."""
    note("begun", tag)
    current = resqd.current_job()
    assert current is not None
    note(f"{current.job_class}/{current.queue}/{current.id}", tag)
    try:
        while not current.cancelled:
            time.sleep(0.005)
    except BaseException:
        note("cancelled" if current.cancelled else "interrupted", tag)
        raise


@app.job(
    queue="q", name="retried", retry=resqd.Retry(3, first=600.0, jitter=0, never=(KeyError,)), timeout=60.0
)
def retried(tag: str, how: str = "fail") -> None:
    """Fails in one way or another, and may be tried again."""
    current = resqd.current_job()
    assert current is not None
    assert current.deadline is not None
    note(f"try{current.attempt}", tag)
    errors: dict[str, BaseException] = {
        "fail": ValueError("no luck"),
        "never": KeyError("never"),
        "later": resqd.RetryLater(5.0),
        "snooze": resqd.Snooze(7.0),
        "discard": resqd.Discard("stale"),
    }
    if how in errors:
        raise errors[how]
    if how == "regex":
        regex.perform(tag)
    note("ended", tag)


@retried.on_retry
def told_retry(error: BaseException, delay: float, tag: str, _how: str = "") -> None:
    note(f"retry:{type(error).__name__}:{delay:g}", tag)


@retried.on_failure
def told_failure(error: BaseException, tag: str, _how: str = "") -> None:
    note(f"failure:{type(error).__name__}", tag)


@retried.on_discard
def told_discard(reason: str, tag: str, _how: str = "") -> None:
    note(f"discard:{reason}", tag)


@app.job(queue="q", name="soon", retry=resqd.Retry(5, first=0.2, factor=1.0, jitter=0.0))
def soon(tag: str, tries: int) -> None:
    """Succeeds in a try of this number."""
    current = resqd.current_job()
    assert current is not None
    note(f"try{current.attempt}", tag)
    if current.attempt < tries:
        raise ValueError("not yet")
    note("ended", tag)


@app.job(queue="q", name="export", retry=resqd.Retry(3, first=0.1, jitter=0))
def export(tag: str, rows: int, pause: float = 0.0005) -> None:
    """Walks rows in the order of their numbers, and writes each down; stumbles once where a file says so."""
    here = resqd.current_job()
    assert here is not None
    begin = 0 if here.cursor is None else here.cursor + 1
    note(f"from:{begin}:{here.attempt}:{here.deliveries}", tag)
    note("begun", tag)
    stumble = Path(os.environ["STEERED_FOLDER"]) / "stumble"
    with (Path(os.environ["STEERED_FOLDER"]) / f"{tag}.rows").open("a", buffering=1) as done:
        for row in here.iterate(range(begin, rows), key=lambda row: row):
            if row % 100 == 50 and stumble.exists():
                stumble.unlink()
                raise ValueError("stumbled")
            done.write(f"{row}\n")
            here.progress(row + 1, rows, "rows")
            time.sleep(pause)
    note("ended", tag)


@job
def steps(tag: str, count: int) -> None:
    """Keeps a cursor by hand after each step, until a file says that it is enough."""
    here = resqd.current_job()
    assert here is not None
    begin = here.cursor or 0
    note(f"from:{begin}:{here.deliveries}", tag)
    for step in range(begin + 1, count):
        here.checkpoint(step)
        note("step", f"{step}")
        time.sleep(0.002)
    note("ended", tag)
