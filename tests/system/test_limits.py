"""Jobs under limits in the real daemon: how many run at a time, and begin in a span of time, whoever runs them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

APP = """
import time
import redis
import resqd
app = resqd.App({url!r})
client = redis.Redis.from_url({url!r})

def note(name, tenant, seconds):
    with client.pipeline() as pipe:
        pipe.incr(f"running:{{tenant}}")
        running = pipe.execute()[0]
    client.rpush("notes:" + tenant, running)
    client.zadd("begun:" + name, {{repr(time.time()) + str(client.incr("n")): time.time()}})
    time.sleep(seconds)
    client.decr(f"running:{{tenant}}")

@app.job(queue="q", name="call", limits=[resqd.Concurrency(2, by="tenant")])
def call(tenant, seconds=0.02):
    note("call", tenant, seconds)

@app.job(queue="q", name="rated", limits=resqd.limit("stripe", resqd.Rate(10, per=1)))
def rated(tenant):
    note("rated", tenant, 0)

@app.job(queue="q", name="inside")
def inside(tenant, how="", seconds=0.02):
    with resqd.limit("pool", resqd.Concurrency(2)), resqd.limit("pool"):
        if how == "exit":
            import os
            os._exit(1)
        note("inside", tenant, seconds)
        if how == "raise":
            raise ValueError(how)

@app.job(queue="q", name="paced")
def paced(tenant):
    for n in range(5):
        with resqd.limit("stripe"):
            note("paced", tenant, 0)

@app.job(queue="q", name="hurried")
def hurried(tenant):
    with resqd.limit("pool", resqd.Concurrency(2), wait=0.05):
        pass

@app.job(queue="q", name="loop")
async def loop(tenant):
    async with resqd.limit("pool", resqd.Concurrency(2)):
        note("loop", tenant, 0)
        import asyncio
        await asyncio.sleep(0.01)

@app.job(queue="q", name="free")
def free(tenant):
    note("free", tenant, 0)
"""


def start(tmp_path: Path, url: str, *flags: str) -> Daemon:
    (tmp_path / "limited.py").write_text(APP.format(url=url))
    environ = {
        "REDIS_URL": url,
        "RESQD_RUN_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]),
    }
    return Daemon("--app", "limited:app", "--queues", "q", *flags, folder=tmp_path, environ=environ)


def processed(client: Any) -> int:
    return int(client.get("resque:stat:processed") or 0)


def push(client: Any, name: str, tenant: str, count: int) -> None:
    client.sadd("resque:queues", "q")
    client.rpush(
        "resque:queue:q",
        *(f'{{"class":"{name}","args":["{tenant}"],"id":"{name}-{tenant}-{n}"}}' for n in range(count)),
    )


def nothing_held(client: Any) -> bool:
    return not [*client.scan_iter("resque:resqd:gate:held:*")] and not client.exists("resque:resqd:parked")


@pytest.mark.parametrize(
    ("jobs_per_fork", "threads"), [("0", "4"), ("1", "2"), ("7", "1")], ids=["no limit", "one", "seven"]
)
def test_no_more_run_at_a_time_than_the_limit(
    tmp_path: Path, redis_url: str, redis_client: Any, jobs_per_fork: str, threads: str
) -> None:
    """For each value of the parameter by itself; all jobs run, free ones among them, and no slot is left."""
    for tenant in ("a", "b", "c"):
        push(redis_client, "call", tenant, 20)
    push(redis_client, "free", "d", 20)
    flags = ("--workers", "3", "--threads", threads, "--jobs-per-fork", jobs_per_fork)
    with start(tmp_path, redis_url, *flags):
        wait_for(lambda: processed(redis_client) == 80, 30, what="all have run")
        wait_for(lambda: nothing_held(redis_client), 5, what="no slot is held, and nobody waits")
    most = 0
    for tenant in ("a", "b", "c"):
        running = [int(each) for each in redis_client.lrange(f"notes:{tenant}", 0, -1)]
        assert len(running) == 20
        assert max(running) <= 2
        most = max(most, *running)
    assert most == 2 or jobs_per_fork == "1"  # forks may take longer than jobs


def test_no_more_begin_in_a_span_than_the_rate(tmp_path: Path, redis_url: str, redis_client: Any) -> None:
    """And the next begins as soon as it may."""
    push(redis_client, "rated", "a", 25)
    with start(tmp_path, redis_url, "--workers", "2", "--threads", "2"):
        wait_for(lambda: processed(redis_client) == 25, 20, what="all have run")
    begun = [moment for _, moment in redis_client.zrange("begun:rated", 0, -1, withscores=True)]
    spans = [late - early for early, late in zip(begun, begun[10:], strict=False)]
    assert min(spans) > 0.5  # a job notes its own beginning, some time after it was let go
    assert 2 < begun[-1] - begun[0] < 6


@pytest.mark.parametrize("jobs_per_fork", ["0", "1"])
def test_a_burst_ends_when_nothing_that_is_parked_will_be_let_go(
    tmp_path: Path, redis_url: str, redis_client: Any, jobs_per_fork: str
) -> None:
    """It runs what waits for a rate, and leaves what waits for the end of a job elsewhere."""
    push(redis_client, "rated", "a", 15)
    push(redis_client, "call", "b", 3)
    redis_client.hset("resque:resqd:limits:set", "call:concurrency:tenant", 0)
    flags = ("--workers", "2", "--threads", "1", "--jobs-per-fork", jobs_per_fork, "--interval", "0")
    with start(tmp_path, redis_url, *flags) as daemon:
        wait_for(lambda: processed(redis_client) == 15, 20, what="what waits for the rate has run")
        assert daemon.wait(20) == 0
    assert redis_client.hlen("resque:resqd:parked") == 3


def test_parked_jobs_stay_through_a_pause_and_a_drain(
    tmp_path: Path, redis_url: str, redis_client: Any
) -> None:
    """A slot that becomes free meanwhile passes one to its queue, where it waits for the next daemon."""
    flags = ("--workers", "1", "--threads", "4", "--jobs-per-fork", "0")
    jobs = [f'{{"class":"call","args":["a",{3 if n < 2 else 0}],"id":"j{n}"}}' for n in range(6)]
    with start(tmp_path, redis_url, *flags) as daemon:
        redis_client.rpush("resque:queue:q", *jobs)
        wait_for(lambda: redis_client.llen("notes:a") == 2, 10, what="two run")
        wait_for(lambda: redis_client.hlen("resque:resqd:parked") == 4, 10, what="four are parked")
        daemon.send(signal.SIGUSR2)
        daemon.wait_for_line("paused: was running")
        wait_for(lambda: processed(redis_client) == 2, 10, what="what runs ends")
        wait_for(lambda: not redis_client.exists("resque:resqd:gate:held:call:concurrency:tenant=a"), 5)
        wait_for(lambda: redis_client.llen("resque:queue:q"), 10, what="one has a pass")
        daemon.stop(signal.SIGQUIT)
    assert processed(redis_client) == 2
    assert redis_client.hlen("resque:resqd:parked") + redis_client.llen("resque:queue:q") == 4
    with start(tmp_path, redis_url, *flags):
        wait_for(lambda: processed(redis_client) == 6, 15, what="the next daemon runs them all")
        wait_for(lambda: nothing_held(redis_client), 5, what="no slot is held, and nobody waits")


def resqd(url: str, *arguments: str) -> Any:
    """What a command answers in JSON; explain exits with 1 for what keeps a job from running."""
    done = subprocess.run(
        [sys.executable, "-m", "resqd", *arguments, "--redis-url", url, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (arguments[0] == "explain"), done.stderr
    return json.loads(done.stdout)


def test_people_see_who_waits_and_let_more_pass(tmp_path: Path, redis_url: str, redis_client: Any) -> None:
    """limits list and show, explain, where and cancel; a number that is set takes effect at once."""
    app = App(redis_url)
    with start(tmp_path, redis_url, "--workers", "1", "--threads", "4", "--jobs-per-fork", "0"):
        redis_client.sadd("resque:queues", "q")
        jobs = [f'{{"class":"call","args":["a",{60 if n < 2 else 0.01}],"id":"j{n}"}}' for n in range(5)]
        redis_client.rpush("resque:queue:q", *jobs)
        wait_for(lambda: app.where("j4") == "parked", 10, what="the last one is parked")
        [gate] = resqd(redis_url, "limits", "show", "call:concurrency:tenant")["gates"]
        assert (gate["value"], gate["held"], gate["waiting"], len(gate["holders"])) == ("a", 2, 3, 2)
        assert {each["name"]: each["waiting"] for each in resqd(redis_url, "limits", "list")} == {
            "call:concurrency:tenant": 3,
            "stripe": 0,
        }
        assert "2 hold it" in str(resqd(redis_url, "explain", "j4"))
        assert app.cancel("j3") == "parked"
        assert app.where("j3") == "gone"
        assert processed(redis_client) == 0
        resqd(redis_url, "limits", "set", "call:concurrency:tenant", "3")
        wait_for(lambda: processed(redis_client) == 2, 10, what="the others pass")
        for job in ("j0", "j1"):
            app.cancel(job)


def test_a_block_inside_a_job_holds_a_limit(tmp_path: Path, redis_url: str, redis_client: Any) -> None:
    """No more are inside at a time, async jobs among them; what ends a job, or kills its process, ends its block."""
    for how in ("", "raise"):
        jobs = [f'{{"class":"inside","args":["a","{how}"],"id":"{how}{n}"}}' for n in range(10)]
        redis_client.rpush("resque:queue:q", *jobs)
    push(redis_client, "loop", "b", 10)
    with start(tmp_path, redis_url, "--workers", "2", "--threads", "4", "--jobs-per-fork", "0"):
        wait_for(lambda: processed(redis_client) == 30, 40, what="all have ended")
        for tenant in ("a", "b"):
            running = [int(each) for each in redis_client.lrange(f"notes:{tenant}", 0, -1)]
            assert len(running) == {"a": 20, "b": 10}[tenant]
            assert max(running) <= 2
        redis_client.rpush("resque:queue:q", '{"class":"inside","args":["c","exit"],"id":"exit"}')
        wait_for(lambda: redis_client.llen("resque:failed") == 11, 20, what="the killer is convicted")
        wait_for(lambda: nothing_held(redis_client), 5, what="no slot is held, and nobody waits")
        assert not redis_client.exists("resque:resqd:gate:waiting:pool")


def test_blocks_wait_as_jobs_do_and_no_longer_than_told(
    tmp_path: Path, redis_url: str, redis_client: Any
) -> None:
    """A rate counts each time that its block is entered, beside the jobs that are under it."""
    push(redis_client, "rated", "a", 5)
    push(redis_client, "paced", "a", 3)
    held = [f'{{"class":"inside","args":["c","",3],"id":"held{n}"}}' for n in range(2)]
    redis_client.rpush("resque:queue:q", *held)
    with start(tmp_path, redis_url, "--workers", "1", "--threads", "6", "--jobs-per-fork", "0"):
        wait_for(lambda: redis_client.llen("notes:c") == 2, 10, what="both places are taken")
        push(redis_client, "hurried", "d", 1)
        wait_for(lambda: redis_client.llen("resque:failed") == 1, 10, what="one gives up")
        assert b"LimitFull" in redis_client.lindex("resque:failed", 0)
        wait_for(lambda: processed(redis_client) == 11, 20, what="all have run")
    names = ("rated", "paced")
    begun = sorted(
        moment for name in names for _, moment in redis_client.zrange(f"begun:{name}", 0, -1, withscores=True)
    )
    assert len(begun) == 20
    assert min(late - early for early, late in zip(begun, begun[10:], strict=False)) > 0.5
