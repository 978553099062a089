"""Async jobs, good and bad."""

import asyncio
import time

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
