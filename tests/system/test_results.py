"""What becomes of jobs, for those who wait for it, with the real daemon."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

import resqd
from resqd.application.results import Result
from tests.support import kept_jobs
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_PATIENCE = 20


@pytest.fixture
def app(redis_url: str) -> Iterator[resqd.App]:
    app = kept_jobs.app
    app.configure(redis_url=redis_url)
    yield app
    app.store.close()


@pytest.fixture
def daemon(tmp_path: Path, redis_url: str) -> Daemon:
    shape = ("--workers", "1", "--threads", "2", "--jobs-per-fork", "0", "--queues", "q,crash")
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": str(_ROOT), "KILL_GRACE": "0.5"}
    return Daemon("--app", "tests.support.kept_jobs:app", *shape, folder=tmp_path, environ=environ)


def listeners(client: redis.Redis) -> list[dict[str, str]]:
    """The connections to this test's database that are told of writes."""
    own = str(client.connection_pool.connection_kwargs["db"])
    return [each for each in client.client_list() if "t" in each["flags"] and each["db"] == own]


def enqueued(app: resqd.App, job: resqd.Job[..., object] | str, *args: object) -> Result:
    job_id = app.enqueue(job, *args)
    assert job_id
    return app.result(job_id)


def test_every_end_is_told_to_who_waits(
    app: resqd.App, daemon: Daemon, tmp_path: Path, redis_url: str
) -> None:
    """Done with its value, also through hooks and after a retry; failed, discarded, expired, killed, crashed."""
    good = [
        (enqueued(app, "add", 2, 3), 5),
        (enqueued(app, "hooked", "é"), ["é"]),
        (enqueued(app, "tried", str(tmp_path / "tries")), 2),
        (enqueued(app, "odd"), None),
    ]
    bad = {
        "failed": [enqueued(app, "broken"), enqueued(app, "crash")],
        "discarded": [enqueued(app, "dropped")],
        "expired": [enqueued(app, "late")],
    }
    sleeps = enqueued(app, "sleeps", str(tmp_path / "sleeps"))
    assert {result.state for result, _ in good} == {"pending"}
    with daemon:
        assert [result.wait(_PATIENCE) for result, _ in good] == [value for _, value in good]
        for state, results in bad.items():
            for result in results:
                with pytest.raises(resqd.JobFailed) as failure:
                    result.wait(_PATIENCE)
                assert failure.value.state == result.state == state
        assert (bad["failed"][0].error, "DirtyExit" in str(bad["failed"][1].error)) == (
            "ValueError: no such thing",
            True,
        )
        assert "JSON" in str(good[-1][0].error)
        wait_for((tmp_path / "sleeps").exists, 10, what="it runs")
        wait_for(lambda: app.cancel(sleeps.id) == "running", 10, what="it is shown as running")
        with pytest.raises(resqd.JobFailed, match="killed"):
            sleeps.wait(_PATIENCE)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.ttl(f"resque:resqd:result:{good[0][0].id}") <= 60


def test_who_takes_a_job_away_tells_as_well(app: resqd.App) -> None:
    """Cancelled, dequeued or with its queue; no daemon runs, and a wait before it is woken by it."""
    waits = [enqueued(app, "add", number, 0) for number in range(4)]
    later = app.find("add").enqueue_in(600, 1, 1)
    assert later
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            waits[0].wait(_PATIENCE)
        except resqd.JobFailed as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert app.cancel(waits[0].id, queue="q") == "waiting"
    thread.join(_PATIENCE)
    assert [str(error) for error in caught] == [f"job {waits[0].id} has been removed"]
    assert app.cancel(later) == "later"
    assert app.dequeue("add", 1, 0) == 1
    app.remove_queue("q")
    assert {app.result(each).state for each in [later, *(result.id for result in waits)]} == {"removed"}


def test_a_job_that_is_run_by_hand_tells_its_end(app: resqd.App) -> None:
    """`run_one`, as tests and scripts do it: what it returned, or its error."""
    good, bad = enqueued(app, "add", 2, 3), enqueued(app, "broken")
    app.run_one("q")
    with pytest.raises(ValueError, match="no such thing"):
        app.run_one("q")
    assert (good.state, good.value) == ("done", 5)
    assert (bad.state, bad.error) == ("failed", "ValueError: no such thing")


def test_ten_thousand_wait_without_asking(app: resqd.App, redis_url: str) -> None:
    """On one connection, which asks the server nothing but whether it still takes writes."""

    async def run() -> int:
        tasks = [asyncio.create_task(app.result(f"{number}").wait_async(60)) for number in range(10_000)]
        with redis.Redis.from_url(redis_url) as client:
            while client.info("stats")["tracking_total_keys"] < 10_000:
                await asyncio.sleep(0.05)
            clients = len(listeners(client))
            before = client.info("commandstats")["cmdstat_get"]["calls"]
            await asyncio.sleep(1)
            assert client.info("commandstats")["cmdstat_get"]["calls"] == before
            with client.pipeline(transaction=False) as pipeline:
                for number in range(10_000):
                    pipeline.set(f"resque:resqd:result:{number}", f'{{"state":"done","value":{number}}}')
                pipeline.execute()
        assert sum(await asyncio.gather(*tasks)) == 49_995_000
        return clients

    assert asyncio.run(run()) == 1


def test_a_wait_survives_a_lost_connection(app: resqd.App, redis_url: str) -> None:
    """What was written meanwhile is found."""
    ended: list[object] = []
    result = app.result("x")
    thread = threading.Thread(target=lambda: ended.append(result.wait(_PATIENCE)))
    thread.start()
    with redis.Redis.from_url(redis_url) as client:
        [listener] = wait_for(lambda: listeners(client), 10, what="it listens")
        with client.pipeline() as pipeline:
            pipeline.client_kill_filter(_id=listener["id"])
            pipeline.set("resque:resqd:result:x", b'{"state":"done","value":7}')
            pipeline.execute()
    thread.join(_PATIENCE)
    assert ended == [7]
    with pytest.raises(TimeoutError, match="job y has not ended within"):
        app.result("y").wait(0.05)
