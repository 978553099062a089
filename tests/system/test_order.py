"""RESQD_ORDER in the real daemon: whose job comes next."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import cast

import redis
from click.testing import CliRunner

from resqd.app import App
from resqd.cli.client import Client, candidates
from resqd.cli.resqd import main
from resqd.cli.views import console, status_view
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, redis, resqd
app = resqd.App()
count = redis.Redis.from_url(os.environ["REDIS_URL"])

@app.job(name="Note")
def note():
    count.rpush("ran", resqd.current_job().queue)
"""


def daemon(folder: Path, redis_url: str, *flags: str) -> Daemon:
    (folder / "order_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths}
    return Daemon("--app", "order_jobs:app", *flags, folder=folder, environ=environ)


def push(client: redis.Redis, queue: str, jobs: int) -> None:
    """As Ruby does."""
    client.sadd("resque:queues", queue)
    client.rpush(f"resque:queue:{queue}", *[json.dumps({"class": "Note", "args": []})] * jobs)


def first(client: redis.Redis, count: int) -> Counter[str]:
    """How many of the first jobs were of each queue, once so many have run."""
    wait_for(lambda: client.llen("ran") >= count, 40, what=f"{count} jobs ran")
    return Counter(queue.decode() for queue in cast("list[bytes]", client.lrange("ran", 0, count - 1)))


def test_weights_share_the_threads_and_tenants_their_share(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """5 to 2 to 1, the tenants in turn among themselves, within caps; what status and the registry say."""
    queues = ["critical", "mail", "tenant.a", "tenant.b", "tenant.c", "tenant.d"]
    for queue in queues:
        push(redis_client, queue, 400)
    flags = ["--order", "weighted", "--queues", "critical*5,mail*2:1,tenant.*", "--workers", "1"]
    with daemon(tmp_path, redis_url, *flags, "--threads", "2", "--jobs-per-fork", "100") as running:
        ran = first(redis_client, 320)
        status = Client(candidates("resqd", os.environ)).call("status", timeout=5)["status"]
        assert running.stop() == 0
    assert ran["critical"] > 2 * sum(ran[queue] for queue in queues[2:])
    assert 8 <= ran["mail"] <= 90  # one at a time of those that the worker holds
    tenants = [ran[queue] for queue in queues[2:]]
    assert sum(tenants) >= 20
    assert max(tenants) - min(tenants) <= 3  # of two threads one may be ahead
    screen = console()
    with screen.capture() as shown:
        screen.print(status_view(status))
    assert "queues weighted: critical*5,mail*2:1,tenant.*" in shown.get()


def test_a_job_a_fork_takes_its_turn_too(tmp_path: Path, redis_url: str, redis_client: redis.Redis) -> None:
    """Each worker lives for one job and knows no turn: it is Redis that does. Queues come, go and are paused."""
    for queue in ("a", "b", "c", "gone", "paused"):
        push(redis_client, queue, 30)
    app = App(redis_url)
    app.pause_queue("paused")
    flags = ["--order", "round-robin", "--queues", "*", "--workers", "2"]
    with daemon(tmp_path, redis_url, *flags) as running:
        assert max(first(redis_client, 16).values()) <= 5
        redis_client.delete("resque:queue:gone")
        redis_client.srem("resque:queues", "gone")
        push(redis_client, "new", 30)
        wait_for(lambda: redis_client.llen("resque:queue:new") < 30, what="the new queue is served")
        begun = redis_client.llen("ran")
        later = first(redis_client, begun + 24) - first(redis_client, begun)
        assert running.stop() == 0
    assert later["paused"] == 0
    assert set(later) <= {"a", "b", "c", "new", "gone"}
    assert min(later[queue] for queue in ("a", "b", "c", "new")) >= 4
    assert redis_client.llen("resque:queue:paused") == 30
    app.close()


def test_a_weight_without_the_order_is_named(tmp_path: Path) -> None:
    """A glob is what it is in strict order, and people are told; what cannot be is refused before any fork."""
    run = CliRunner(env={"RESQD_ORDER": "weighted", "QUEUES": "mail*0", "XDG_RUNTIME_DIR": str(tmp_path)})
    done = run.invoke(main, ["start"])
    assert (done.exit_code, "QUEUES=mail*0: a weight is NAME*WEIGHT" in done.output) == (78, True)
