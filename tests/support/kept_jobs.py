"""Jobs whose ends are kept."""

import os
import time
from pathlib import Path

import resqd

app = resqd.App()
Crash = app.job(queue="crash", name="crash", keep_result=60, on_crash="fail")


@app.job(queue="q", name="add", keep_result=60)
def add(one: int, other: int) -> int:
    """Returns something."""
    return one + other


@app.job(queue="q", name="hooked", keep_result=60)
def hooked(text: str) -> list[str]:
    """Returns something, inside of hooks."""
    return [text]


@hooked.before_perform
def _before(_text: str) -> None:
    """So that it is not run plainly."""


@app.job(queue="q", name="broken", keep_result=60)
def broken() -> None:
    """Fails."""
    raise ValueError("no such thing")


@app.job(queue="q", name="dropped", keep_result=60)
def dropped() -> None:
    """Discards itself."""
    raise resqd.Discard("not needed")


@app.job(queue="q", name="odd", keep_result=60)
def odd() -> object:
    """Returns what JSON cannot hold."""
    return object()


@app.job(queue="q", name="tried", keep_result=60, retry=resqd.Retry(3, first=0.1))
def tried(path: str) -> int:
    """Fails the first time."""
    with Path(path).open("a") as file:
        file.write("x")
    if (count := len(Path(path).read_text())) < 2:
        raise ValueError("not yet")
    return count


@app.job(queue="q", name="late", keep_result=60, expires=0.001)
def late() -> None:
    """Expires where it waits."""


@Crash
def crash() -> None:
    """Takes its process with it."""
    os._exit(3)


@app.job(queue="q", name="sleeps", keep_result=60)
def sleeps(path: str) -> None:
    """Runs until it is killed."""
    Path(path).touch()
    time.sleep(600)
