"""Jobs under limits, in an application of their own: one without limits pays nothing for them."""

import resqd
from tests.bench.jobs import QUEUE, stamp_now

app = resqd.App()


@app.job(queue=QUEUE, name="Wide", limits=resqd.Concurrency(100_000))
def wide(_number: int) -> None:
    """Nothing, at a gate with room."""


@app.job(queue=QUEUE, name="Each", limits=resqd.Concurrency(100_000, by="tenant"))
def each(tenant: int) -> None:
    """Nothing, at one of many gates with room."""
    del tenant


@app.job(queue=QUEUE, name="Rated", limits=resqd.Rate(1_000_000, per=0.001))
def rated(_number: int) -> None:
    """Nothing, at a rate that is never reached."""


@app.job(queue=QUEUE, name="Narrow", limits=resqd.Concurrency(1, by="tenant"))
def narrow(tenant: str, number: int) -> None:
    """One at a time for each tenant: notes its start, and its end."""
    del tenant
    stamp_now(2 * number)
    stamp_now(2 * number + 1)


@app.job(queue=QUEUE, name="Paced", limits=resqd.Rate(100, per=1))
def paced(number: int) -> None:
    """Notes its start."""
    stamp_now(number)


@app.job(queue=QUEUE, name="Other")
def other(number: int) -> None:
    """Notes its start, and is under no limit."""
    stamp_now(number)
