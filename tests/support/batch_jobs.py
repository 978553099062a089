"""Jobs of batches and workflows; each notes in Redis what it was given."""

import json
import os
import time
from functools import cache

import redis

import resqd

app = resqd.App()


def note(what: str, value: object) -> None:
    """Append to a list in Redis that the tests read."""
    _client(os.getpid()).rpush(f"notes:{what}", json.dumps(value))


@cache
def _client(_pid: int) -> redis.Redis:
    return redis.Redis.from_url(os.environ["REDIS_URL"])


@app.job(queue="q", name="Work")
def work(tag: str, how: str = "end") -> str:
    """Ends as it is told; "retry" fails once."""
    if how == "fail" and not os.path.exists(os.environ["MENDED"]):
        raise ValueError(tag)
    if how == "discard":
        raise resqd.Discard("not wanted")
    if how == "kill":
        os.kill(os.getpid(), 9)
    if how == "grow":
        with app.own_batch():
            work.enqueue(f"{tag}+")
            work.enqueue_in(0.01, f"{tag}++")
    if how == "sleep":
        time.sleep(30)
    note("work", tag)
    return tag


@app.job(queue="q", name="Retried", retry=resqd.Retry(times=2, first=0.01))
def retried(tag: str) -> None:
    """Fails once."""
    job = resqd.current_job()
    if job is not None and job.attempt == 1:
        raise ValueError(tag)
    note("work", tag)


@app.job(queue="calls", name="Called")
def called(what: str) -> None:
    """A callback."""
    note("called", what)


@app.job(queue="q", name="Joined")
def joined(parts: list[str], last: str = "") -> str:
    """Takes the results of others."""
    note("joined", [parts, last])
    return "-".join(parts)
