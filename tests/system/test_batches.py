"""Batches and workflows with a real daemon: callbacks come once, whatever becomes of the jobs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

import resqd
from tests.support.batch_jobs import app, called, joined, retried, work
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for


class Notes:
    """What the jobs have noted."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def __call__(self, what: str) -> list[Any]:
        return [json.loads(note) for note in self._client.lrange(f"notes:{what}", 0, -1)]

    def wait(self, what: str, *values: object) -> None:
        """Until exactly these were noted, in any order."""
        wanted = sorted(map(repr, values))
        wait_for(lambda: sorted(map(repr, self(what))) == wanted, 15, what=f"{what}: {wanted}")


@pytest.fixture
def notes(redis_client: redis.Redis) -> Notes:
    return Notes(redis_client)


@pytest.fixture
def daemon(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr(app, "_store", None)
    monkeypatch.setattr(app, "_urls", (redis_url,))
    environ = {"REDIS_URL": redis_url, "MENDED": str(tmp_path / "mended"), "HEARTBEAT_INTERVAL": "0.5"}
    flags = (
        "--app",
        "tests.support.batch_jobs:app",
        "--queues",
        "q,calls",
        "--workers",
        "2",
        "--threads",
        "2",
    )
    with Daemon(*flags, "--jobs-per-fork", "0", folder=tmp_path, environ=environ) as running:
        yield running
    app.store.close()


def test_each_callback_comes_once_whatever_becomes_of_the_jobs(
    daemon: Daemon, notes: Notes, tmp_path: Path, redis_client: redis.Redis
) -> None:
    """Jobs that retry, fail, are discarded, kill their worker, or add to the batch; what failed is requeued at last."""
    with app.batch(on_success=called.s("success"), on_done=called.s("done"), description="all ways") as batch:
        ids = work.enqueue_many([["plain"], ["fails", "fail"], ["gone", "discard"], ["more", "grow"]])
        retried.enqueue("again")
        work.enqueue_in(0.05, "late")
        with app.batch(on_done=called.s("inner")):
            work.enqueue("inside")
        assert not redis_client.exists("resque:queue:q"), "nothing goes before the block ends"
    notes.wait("work", "plain", "again", "late", "inside", "more", "more+", "more++")
    notes.wait("called", "inner", "done")
    status = app.batches.get(batch.id)
    assert (status.total, status.pending, status.failed, status.skipped) == (9, 0, 1, 1)
    assert (status.state, status.description) == ("stopped", "all ways")
    assert app.batches.failed(batch.id) == [ids[1]]
    (tmp_path / "mended").touch()
    assert app.batches.retry(batch.id) == 1
    notes.wait("called", "inner", "done", "success")
    assert app.batches.get(batch.id).state == "succeeded"
    assert [each.id for each in app.batches][-1:] == [batch.id]
    assert daemon.pid


def test_a_batch_outlives_what_kills_its_workers(daemon: Daemon, notes: Notes) -> None:
    """A job that was lost for good has failed; an empty batch is done at once, and a block that raises was none."""
    with app.batch(on_success=called.s("success"), on_done=called.s("done")) as batch:
        work.enqueue_many([["a"], ["killer", "kill"], ["b"]])
    with app.batch(on_success=called.s("empty")):
        pass
    with suppress(ZeroDivisionError), app.batch(on_done=called.s("never")):
        work.enqueue("never")
        raise ZeroDivisionError
    notes.wait("called", "empty", "done")
    notes.wait("work", "a", "b")
    assert app.batches.get(batch.id).failed == 1
    with pytest.raises(resqd.UnknownBatch):
        app.batches.get("none")
    assert daemon.pid


def test_what_is_cancelled_runs_no_more(daemon: Daemon, notes: Notes) -> None:
    """Wherever it waits; the end is told, and success is not."""
    with app.batch(on_success=called.s("success"), on_done=called.s("done")) as batch:
        work.enqueue_in(60, "later")
        work.enqueue_to("nobody", "waits")
        with app.batch():
            work.enqueue_to("nobody", "inside")
    assert app.batches.cancel(batch.id) == 3
    notes.wait("called", "done")
    assert app.batches.get(batch.id).state == "cancelled"
    assert app.size("nobody") == 0
    assert daemon.pid


def test_a_workflow_runs_in_its_order_and_hands_results_on(
    daemon: Daemon, notes: Notes, tmp_path: Path
) -> None:
    """What failed stops what waits for it, and nothing else; requeued, it goes on."""
    with app.workflow(on_success=called.s("success"), on_done=called.s("done")) as flow:
        first = flow.add(work.s("first"))
        middle = flow.chord([work.s("left"), work.s("right")], joined.s(resqd.RESULT), after=[first])
        fails = flow.add(work.s("fails", "fail"), after=[first])
        flow.add(joined.s([middle.result, fails.result, "x"], last=first.result))
    notes.wait("called", "done")
    notes.wait("joined", [["left", "right"], ""])
    assert notes("work")[0] == "first"
    assert app.batches.get(flow.id).left == 1
    states = {job.id: job.state for job in app.batches.nodes(flow.id)}
    assert sorted(states.values()) == ["done", "done", "done", "done", "failed", "waits"]
    (tmp_path / "mended").touch()
    assert app.batches.retry(flow.id) == 1
    notes.wait("called", "done", "success")
    notes.wait("joined", [["left", "right"], ""], [["left-right", "fails", "x"], "first"])
    assert {job.state for job in app.batches.nodes(flow.id)} == {"done"}
    assert daemon.pid


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_workflow_of_ten_thousand_jobs(daemon: Daemon, notes: Notes) -> None:
    """Chains side by side, and one job after all of them, which takes the results of a thousand."""
    with app.workflow(on_success=called.s("success"), on_done=called.s("done")) as flow:
        first = flow.add(work.s("first"))
        ends = [flow.chain(*[work.s(f"{i}") for i in range(10)], after=[first])[-1] for _ in range(1_000)]
        flow.add(joined.s([end.result for end in ends]), after=ends)
    wait_for(lambda: len(notes("called")) == 2, 200, what="both callbacks")
    status = app.batches.get(flow.id)
    assert (status.total, status.ended, status.state) == (10_002, 10_002, "succeeded")
    assert len(notes("work")) == 10_001
    assert notes("joined") == [[["9"] * 1_000, ""]]
    assert {job.state for job in app.batches.nodes(flow.id)} == {"done"}
    assert daemon.pid
