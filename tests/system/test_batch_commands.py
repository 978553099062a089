"""`resqd batches` and `resqd workflows`, as people and scripts use them."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import redis

from resqd.app import App

Resqd = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def resqd(redis_url: str) -> Resqd:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "resqd", *words, "--redis-url", redis_url]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    return run


def test_batches_are_listed_shown_and_cancelled(
    resqd: Resqd, redis_url: str, redis_client: redis.Redis
) -> None:
    """And workflows drawn; what is not there is said, with status 1."""
    app = App(redis_url)

    @app.job(queue="q", name="Work")
    def work(number: int) -> None:
        """Nothing."""
        del number

    assert "there is no batch" in resqd("batches", "list").stdout
    with app.batch(description="all of May", on_done=work.s(0)) as batch:
        ids = work.enqueue_many([[1], [2]])
    with app.workflow() as flow:
        flow.chain(work.s(3), work.s(4))
    listed = json.loads(resqd("batches", "list", "--json").stdout)
    assert [each["id"] for each in listed] == [flow.id, batch.id]
    assert "all of May" in resqd("batches", "list").stdout
    assert [each["id"] for each in json.loads(resqd("workflows", "list", "--json").stdout)] == [flow.id]

    shown = json.loads(resqd("batches", "show", batch.id, "--json").stdout)
    assert (shown["total"], shown["pending"], shown["state"]) == (2, 2, "running")
    assert shown["pending_ids"] == sorted(map(str, ids))
    assert "all of May" in resqd("batches", "show", batch.id).stdout
    drawn = resqd("workflows", "show", flow.id).stdout
    assert "1 > Work  pending" in drawn
    assert "2   . Work  waits  after 1" in drawn
    jobs = json.loads(resqd("workflows", "show", flow.id, "--json").stdout)["jobs"]
    assert [job["state"] for job in jobs] == ["pending", "waits"]
    assert resqd("workflows", "show", flow.id, "--svg").stdout.count("<rect ") == 2
    assert "no workflow" in resqd("workflows", "show", batch.id).stderr

    unasked = resqd("batches", "cancel", batch.id)
    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert json.loads(resqd("batches", "cancel", batch.id, "--yes", "--json").stdout) == {"cancelled": 2}
    assert redis_client.llen("resque:queue:q") == 1
    assert redis_client.zcard("resque:resqd:later") == 1, "on_done is called"
    assert json.loads(resqd("batches", "retry", flow.id, "--json").stdout) == {"requeued": 0}
    gone = resqd("batches", "show", "none")
    assert (gone.returncode, "there is no batch none" in gone.stderr) == (1, True)
    app.store.close()
