"""Async jobs, good and bad."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import resqd

app = resqd.App()


@app.job(queue="q", name="asked", keep_result=60)
async def asked(seconds: float) -> list[object]:
    """Says what it knows of itself, after a while."""
    await asyncio.sleep(seconds)
    job = resqd.current_job()
    return [job.id, job.args] if job else []


@app.job(queue="q", name="plain", keep_result=60)
def plain() -> str:
    """On a thread."""
    return "plain"


@app.job(queue="q", name="hooked", keep_result=60)
async def hooked() -> int:
    """With a hook around it."""
    await asyncio.sleep(0)
    return 5


@hooked.before_perform
def _before() -> None:
    """So that it runs on a thread."""


@app.job(queue="q", name="broken", keep_result=60)
async def broken() -> None:
    """Fails."""
    await asyncio.sleep(0)
    raise ValueError("no")


@app.job(queue="q", name="late", keep_result=60, timeout=0.3)
async def late() -> None:
    """Runs out of its time."""
    await asyncio.sleep(600)


@app.job(queue="q", name="blocks", keep_result=60)
async def blocks() -> None:
    """Lets nobody else on the loop, in small steps that an interrupt can end."""
    while True:
        time.sleep(0.01)


@app.job(queue="q", name="waits", keep_result=60)
async def waits() -> None:
    """Until it is killed."""
    await asyncio.sleep(600)


notes: list[str] = []


@app.job(queue="q", name="surrounded", keep_result=60)
async def surrounded() -> list[str]:
    """Says on which thread it runs, and what its hooks have noted."""
    await asyncio.sleep(0)
    return [threading.current_thread().name, *notes]


@surrounded.before_perform
async def _noted() -> None:
    notes.clear()
    await asyncio.sleep(0)
    job = resqd.current_job()
    notes.append(job.job_class if job else "")


@surrounded.around_perform
async def _opened() -> AsyncIterator[None]:
    notes.append("open")
    try:
        yield
    finally:
        notes.append("closed")


@app.job(queue="q", name="asks", retry=3)
async def asks(how: str) -> None:
    """Asks to be run later."""
    await asyncio.sleep(0)
    raise resqd.Snooze(600) if how == "snooze" else resqd.RetryLater(600)


@app.job(queue="q", name="walk")
async def walk(path: str) -> None:
    """Walks rows, far more than a test waits for."""
    job = resqd.current_job()
    assert job is not None
    begin = job.cursor or 0

    async def rows() -> AsyncIterator[int]:
        for row in range(begin + 1, 1_000_000):
            await asyncio.sleep(0.0005)
            yield row

    with Path(path).open("a", buffering=1) as done:
        async for row in job.iterate(rows(), key=lambda row: row):
            done.write(f"{row}\n")


@app.job(queue="q", name="gives", keep_result=60)
async def gives(number: int) -> int:
    """Returns something that another one takes."""
    await asyncio.sleep(0)
    return number + 1
