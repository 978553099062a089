"""Jobs that write down each start and end of theirs in a file, for tests that count what ran."""

import os
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import resqd

RECORD = "RESQD_TEST_RECORD"
"""The environment variable that names the file."""

app = resqd.App()


def note(word: str, number: int) -> None:
    """One line in one write, so that lines of many processes never mix."""
    descriptor = os.open(os.environ[RECORD], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{word} {number} {os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


@app.job(queue="work", name="Nap")
def nap(number: int, seconds: float = 0.0) -> None:
    """Sleeps."""
    note("start", number)
    if seconds:
        time.sleep(seconds)
    note("end", number)


@app.job(queue="work", name="Raise")
def fail(number: int) -> None:
    """Fails."""
    note("start", number)
    raise ValueError(f"job {number} fails, as it should")


@app.job(queue="work", name="Poison")
def poison(number: int, signal_number: int = signal.SIGKILL, seconds: float = 0.0) -> None:
    """Kills its own process."""
    note("start", number)
    time.sleep(seconds)
    note("dies", number)
    os.kill(os.getpid(), signal_number)
    time.sleep(60)


@app.job(queue="work", name="PoisonOnce", on_crash="fail")
def poison_once(number: int) -> None:
    """Kills its own process, and is not to be tried again."""
    poison.perform(number)


@app.job(queue="work", name="PoisonMaster")
def poison_master(number: int) -> None:
    """Kills its daemon's master, which neither fails it nor charges it."""
    note("start", number)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@app.job(queue="work", name="Wait")
def wait(number: int, path: str) -> None:
    """Runs until the file is there."""
    note("start", number)
    while not Path(path).exists():
        time.sleep(0.01)
    note("end", number)


@app.job(queue="work", name="Hold")
def hold(number: int, path: str) -> None:
    """Holds the GIL in one call for ages, unless the file is there."""
    note("start", number)
    if not Path(path).exists():
        re.match("(a+)+$", "a" * 60 + "b")
    note("end", number)


@app.job(queue="work", name="Detach")
def detach(number: int) -> None:
    """Leaves a process behind that outlives it."""
    note("start", number)
    if os.fork() == 0:
        if os.fork() == 0:
            note("detached", number)
            time.sleep(60)
        os._exit(0)
    os.wait()
    note("end", number)


@app.job(queue="work", name="Size")
def size(number: int, text: str) -> None:
    """Takes a big argument."""
    note("start", number)
    if text:
        note("end", number)


@app.job(queue="work", name="Say")
def say(text: str) -> None:
    """Fails with what it was given."""
    raise ValueError(text)


class _Unprintable(Exception):  # noqa: N818 - what matters is that it has no words
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@app.job(queue="work", name="Unprintable")
def unprintable() -> None:
    """Raises what cannot be printed."""
    raise _Unprintable


@app.job(queue="work", name="Exits")
def exits() -> None:
    """Calls sys.exit."""
    sys.exit(3)


@app.job(queue="work", name="Interrupts")
def interrupts() -> None:
    """Raises what Ctrl-C raises."""
    raise KeyboardInterrupt


@app.job(queue="work", name="Base")
def base() -> None:
    """Raises what no `except Exception` sees."""
    raise BaseException("bare")  # noqa: TRY002 - that is the point


class Record:
    """What the jobs have written, read from outside."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[tuple[str, int, int]]:
        """Word, number of the job, pid; in the order in which they were written."""
        text = self.path.read_text() if self.path.exists() else ""
        parts = [line.split() for line in text.splitlines()]
        return [(word, int(number), int(pid)) for word, number, pid in parts]

    def starts(self) -> Counter[int]:
        """How often each job was started."""
        return Counter(number for word, number, _ in self.lines() if word == "start")

    def ends(self) -> Counter[int]:
        """How often each job came to its end."""
        return Counter(number for word, number, _ in self.lines() if word == "end")

    def order(self) -> list[int]:
        """The jobs in the order of their starts."""
        return [number for word, number, _ in self.lines() if word == "start"]

    def pids(self, number: int) -> list[int]:
        """The processes that started a job, in order."""
        return [pid for word, one, pid in self.lines() if word == "start" and one == number]
