"""Jobs in processes of their own, good and bad."""

import asyncio
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import resqd

app = resqd.App()
lock = threading.Lock()
FOLDER = Path(os.environ.get("ISOLATED_FOLDER", "/nonexistent"))
forks: list[int] = []


@app.hooks.after_fork
def _forked() -> None:
    forks.append(os.getpid())


@app.job(name="noop", queue="q", isolate=True)
def noop() -> None:
    """Does nothing."""


@app.job(name="asked", queue="q", isolate=True, keep_result=60)
def asked(text: str) -> list[object]:
    """Says what it knows of itself, and who it is."""
    job = resqd.current_job()
    assert job is not None
    sys.stdout.write(f"printed {text}\n")
    logging.getLogger("mine").warning("logged %s", text)
    return [
        job.id,
        job.args,
        job.queue,
        os.getpid(),
        os.getppid(),
        forks[-1] == os.getpid(),
        threading.active_count(),
    ]


@app.job(name="coroutine", queue="q", isolate=True, keep_result=60)
async def coroutine() -> int:
    """On a loop of its own."""
    await asyncio.sleep(0.01)
    return 7


@app.job(name="broken", queue="q", isolate=True, keep_result=60)
def broken() -> None:
    """Fails, in a line of its own."""
    raise ValueError("no luck")


@app.job(name="crash", queue="q", isolate=True, keep_result=60)
def crash() -> None:
    """Reads where nothing is."""
    ctypes.string_at(0)


@app.job(name="vanish", queue="q", isolate=True, keep_result=60)
def vanish() -> None:
    """Ends its process."""
    os._exit(3)


@app.job(name="hungry", memory="96M", queue="q", isolate=True, keep_result=60)
def hungry() -> int:
    """Wants more than it may have."""
    return len(bytearray(512 << 20))


@app.job(name="modest", memory="96M", queue="q", isolate=True, keep_result=60)
def modest() -> int:
    """Does with what it may have."""
    return len(bytearray(16 << 20))


@app.job(name="deaf", timeout=0.5, queue="q", isolate=True, keep_result=60)
def deaf() -> None:
    """Lets no signal of ours come."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(600)


@app.job(name="late", timeout=0.5, queue="q", isolate=True, keep_result=60)
def late() -> None:
    """Tidies up when its time is over."""
    try:
        time.sleep(600)
    finally:
        (FOLDER / "tidied").touch()


@app.job(name="waits", queue="q", isolate=True, keep_result=60)
def waits() -> None:
    """Until it is killed."""
    (FOLDER / "waits").write_text(str(os.getpid()))
    time.sleep(600)


@app.job(name="export", queue="q", isolate=True)
def export(rows: int) -> None:
    """Walks rows."""
    job = resqd.current_job()
    assert job is not None
    begin = 0 if job.cursor is None else job.cursor + 1
    with (FOLDER / "rows").open("a", buffering=1) as done:
        for row in job.iterate(range(begin, rows), key=lambda row: row):
            done.write(f"{row}\n")
            job.progress(row + 1, rows, "rows")
            time.sleep(0.0005)


@app.job(name="snooze", queue="q", isolate=True)
def snooze(how: str) -> None:
    """Runs again, later."""
    raise resqd.Snooze(600) if how == "snooze" else resqd.RetryLater(600)


@app.job(name="holds", queue="q")
def holds(seconds: float) -> None:
    """A neighbour on a thread, which holds a lock nearly all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with lock:
            time.sleep(0.002)
    (FOLDER / "held").touch()


@app.job(name="wants", queue="q", isolate=True, keep_result=60)
def wants() -> int:
    """Wants that lock, which nobody holds in its own process."""
    with lock:
        return 5
