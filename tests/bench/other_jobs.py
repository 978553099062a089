"""Jobs that run elsewhere than on a job thread, in an application that has no other ones."""

import asyncio

import resqd
from tests.bench.jobs import QUEUE

app = resqd.App()


@app.job(queue=QUEUE, name="Isolated", isolate=True)
def isolated(_number: int) -> None:
    """Nothing, in a process of its own."""


@app.job(queue=QUEUE, name="AsyncNap")
async def async_nap(seconds: float) -> None:
    """Wait as for a network, on the event loop."""
    await asyncio.sleep(seconds)
