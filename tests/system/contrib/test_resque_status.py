"""resqd.contrib.resque_status on a real server: the gem's keys and bytes, and what becomes of a job's status."""

from collections.abc import Iterator

import pytest
import redis

from resqd.app import App
from resqd.contrib.resque_status import StatusedJob, Statuses, StatusJob

NOW = 1_700_000_000


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    application = App(redis_url)
    yield application
    application.store.close()


@pytest.fixture
def statuses(app: App) -> Statuses:
    return Statuses(app, wall=lambda: NOW)


@pytest.fixture
def counting(statuses: Statuses) -> StatusedJob:
    """A job that counts, and does what its options say at the end."""

    @statuses.job(name="Counting")
    def count(job: StatusJob) -> None:
        for number in range(job.options["num"]):
            job.at(number, job.options["num"], f"at {number}")
            if job.options.get("kill"):
                statuses.kill(job.uuid)
        if end := job.options.get("end"):
            getattr(job, end)("said so")
        if job.options.get("error"):
            raise ValueError("disk full")

    return count


def test_a_new_jobs_keys_and_bytes_are_the_gems(
    app: App, counting: StatusedJob, redis_client: redis.Redis
) -> None:
    """As resque-status 0.5.0 was seen to write them."""
    uuid = counting.create(num=3)
    assert uuid is not None
    assert len(uuid) == 32
    assert redis_client.get(f"resque:status:{uuid}") == (
        f'{{"time":{NOW},"status":"queued","uuid":"{uuid}","options":{{"num":3}}}}'.encode()
    )
    assert redis_client.zrange("resque:_statuses", 0, -1, withscores=True) == [(uuid.encode(), NOW)]
    [job] = app.peek("statused")
    assert (job.job_class, job.args) == ("Counting", [uuid, {"num": 3}])


def test_a_run_says_how_far_it_is_and_how_it_ended(
    app: App, statuses: Statuses, counting: StatusedJob
) -> None:
    """Each word is merged into those before."""
    uuid = counting.create(num=2)
    app.run_one("statused")
    status = statuses.get(str(uuid))
    assert status is not None
    assert list(status.facts) == ["time", "status", "uuid", "options", "name", "num", "total", "message"]
    assert {**status.facts, "message": None} == {
        **{"time": NOW, "status": "completed", "uuid": uuid, "options": {"num": 2}},
        **{"name": 'Counting({"num"=>2})', "num": 1, "total": 2, "message": None},
    }
    assert str(status.message).startswith("Completed at ")


@pytest.mark.parametrize("end", ["failed", "completed"])
def test_a_jobs_own_last_word_stands(app: App, statuses: Statuses, counting: StatusedJob, end: str) -> None:
    """Without an error, so it counts as done."""
    uuid = counting.create(num=1, end=end)
    app.run_one("statused")
    status = statuses.get(str(uuid))
    assert status is not None
    assert (status.status, status.message, app.failures.count()) == (end, "said so", 0)


def test_an_error_is_in_the_status_and_in_failed(app: App, statuses: Statuses, counting: StatusedJob) -> None:
    """As in Ruby."""
    uuid = counting.create(num=1, error=True)
    with pytest.raises(ValueError, match="disk full"):
        app.run_one("statused")
    status = statuses.get(str(uuid))
    assert status is not None
    assert (status.status, status.message) == ("failed", "The task failed because of an error: disk full")
    assert app.failures.count() == 1


def test_a_job_that_is_to_end_ends_at_its_next_word(
    app: App, statuses: Statuses, counting: StatusedJob, redis_client: redis.Redis
) -> None:
    """It is no failure, and is struck off the list of those to kill."""
    uuid = counting.create(num=9, kill=True)
    app.run_one("statused")
    status = statuses.get(str(uuid))
    assert status is not None
    assert (status.status, status.facts["num"]) == ("killed", 0)
    assert str(status.message).startswith("Killed at ")
    assert not redis_client.exists("resque:_kill")
    assert app.failures.count() == 0


def test_statuses_are_listed_newest_first_and_removed(app: App, redis_client: redis.Redis) -> None:
    """By their status too; old ones go as new ones come, where they expire."""
    moment = [NOW]
    statuses = Statuses(app, expire_in=100, wall=lambda: moment[0])
    for number, word in enumerate(("working", "completed", "failed")):
        moment[0] = NOW + number
        statuses.create(f"job{number}", {"status": word})
    assert 0 < redis_client.ttl("resque:status:job0") <= 100
    assert [status.uuid for status in statuses.all()] == ["job2", "job1", "job0"]
    assert [status.uuid for status in statuses.all(1, 1)] == ["job1"]
    assert statuses.clear("completed") == 1
    assert statuses.count() == 2
    moment[0] = NOW + 101
    statuses.create("new")
    assert [status.uuid for status in statuses.all()] == ["new", "job2"]
    redis_client.set("resque:status:job2", "[")
    assert statuses.get("job2") is None
    assert statuses.clear() == 1
