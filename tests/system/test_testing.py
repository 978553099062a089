"""What resqd offers to users' tests: inline, a fake that records and drains, a fixture, and run_one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import resqd.testing
from resqd.app import App
from resqd.current import current_job
from resqd.errors import PayloadError, UnknownJob

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from resqd.store.resque.backends import Record
    from resqd.testing import Fake

offline = App("redis://127.0.0.1:1")  # nothing listens there
ran: list[Any] = []


@offline.job(queue="mail", name="Send")
def send(user: int, more: int = 0) -> None:
    ran.append((user, more))
    if more:
        send.enqueue(user + 1, more - 1)


@offline.job(name="Broken")
def broken() -> None:
    raise ValueError("no")


jobs = resqd.testing.fixture(offline)


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def test_a_fake_records_and_drains(jobs: Fake) -> None:
    """Nothing reaches Redis; what was enqueued can be looked at, and run with what it enqueues in turn."""
    send.enqueue(1, 2)
    send.enqueue_many([(7,), (8,)])
    offline.enqueue_to("low", "Send", 9)
    assert [(job.queue, job.name, job.args) for job in jobs.enqueued] == [
        ("mail", "Send", [1, 2]),
        ("mail", "Send", [7]),
        ("mail", "Send", [8]),
        ("low", "Send", [9]),
    ]
    assert ran == []
    assert jobs.drain() == 6
    assert ran == [(1, 2), (7, 0), (8, 0), (9, 0), (2, 1), (3, 0)]
    assert jobs.args_of(send) == jobs.args_of("Send")
    jobs.clear()
    assert (jobs.enqueued, jobs.drain()) == ([], 0)


def test_drain_raises_what_a_job_raises(jobs: Fake) -> None:
    """A failing job is the test's failure; the ones after it still wait."""
    broken.enqueue()
    offline.enqueue_to("low", "Nobody")
    send.enqueue(1)
    with pytest.raises(ValueError, match="no"):
        jobs.drain()
    with pytest.raises(UnknownJob):
        jobs.drain()
    assert jobs.drain() == 1


def test_inline_runs_at_once() -> None:
    """Within the block a job runs where it is enqueued; after it, what was before holds again."""
    with resqd.testing.fake(offline) as outer:
        with resqd.testing.inline(offline):
            send.enqueue(1, 1)
            assert ran == [(1, 1), (2, 0)]
            assert offline.inline
        send.enqueue(5)
    assert outer.args_of(send) == [[5]]
    assert not offline.inline


def test_run_one_takes_from_redis(redis_url: str) -> None:
    """One real job is taken and run here, queues in their order."""
    app = App(redis_url)
    seen: list[Any] = []

    @app.job(name="See")
    def see(value: int) -> None:
        job = current_job()
        assert job is not None
        seen.append((value, job.queue))

    app.enqueue_to("b", see, 1)
    app.enqueue_to("a", see, 2)
    job = app.run_one("b", "a")
    assert job is not None
    assert job.args == [1]
    assert app.run_one() is not None
    assert app.run_one() is None
    assert seen == [(1, "b"), (2, "a")]


def test_run_one_records_failures(redis_url: str, redis_client: redis.Redis) -> None:
    """A job that fails, is unknown or cannot be read is recorded as a worker would, and its error raised."""
    app = App(redis_url)
    told: list[Record] = []
    app.failure_policy.backends = ("redis", "redis_multi_queue")
    app.failure_policy.on_failure = told.append

    @app.job(queue="q", name="Fail")
    def fail() -> None:
        raise ValueError("no")

    fail.enqueue()
    app.push("q", b"nonsense")
    app.enqueue_to("q", "Nobody")
    for kind in (ValueError, PayloadError, UnknownJob):
        with pytest.raises(kind):
            app.run_one()
    assert [failure.exception for failure in app.failures.all()] == [
        "ValueError",
        "PayloadError",
        "UnknownJob",
    ]
    assert app.failures.count() == 6
    assert redis_client.smembers("resque:failed_queues") == {b"q_failed"}
    assert [record["exception"] for record in told] == ["ValueError", "PayloadError", "UnknownJob"]
    record = json.loads(app.failures.all()[0].record)
    assert record["backtrace"][0].startswith(__file__)
    assert record["worker"].endswith(":q:1:1:1")


@pytest.mark.parametrize("skipper", ["policy", "job"])
def test_run_one_keeps_no_record_where_none_is_wanted(
    redis_url: str, redis_client: redis.Redis, skipper: str
) -> None:
    """With skip_failed_queue, of all jobs or of this one; callbacks know of it, inside of the hooks around jobs."""
    app = App(redis_url)
    told: list[str] = []
    app.failure_policy.skip_failed_queue = skipper == "policy"

    def callback(record: Record) -> None:
        job = current_job()
        assert job is not None
        told.append(f"{record['exception']} of {job.job_class} from {job.queue}")

    def around() -> Iterator[None]:
        told.append("in")
        try:
            yield
        finally:
            told.append("out")

    app.failure_policy.on_failure = callback

    @app.job(queue="q", name="Fail", skip_failed_queue=skipper == "job")
    def fail() -> None:
        raise ValueError("no")

    app.around_each_job(around)
    fail.enqueue()
    with pytest.raises(ValueError, match="no"):
        app.run_one()
    assert told == ["in", "out", "in", "ValueError of Fail from q", "out"]
    assert redis_client.keys("*failed*") == []


trying = App("redis://127.0.0.1:1", defaults={"retry": resqd.Retry(2, first=10.0, jitter=0.0)})
tried: list[int] = []
heard: list[float] = []


@trying.job(name="Try")
def attempt(how: str) -> None:
    """Fails as it is told."""
    job = current_job()
    assert job is not None
    tried.append(job.attempt)
    if how == "snooze" and len(tried) == 1:
        raise resqd.Snooze(5)
    if how == "discard":
        raise resqd.Discard("stale")
    if how == "later" and job.attempt == 1:
        raise resqd.RetryLater(3)
    if how == "fail":
        raise ValueError(how)


@attempt.on_retry
def note_retry(_error: BaseException, delay: float, _how: str) -> None:
    heard.append(delay)


@trying.job(name="Once", retry=None)
def once() -> None:
    raise ValueError("once")


@pytest.fixture(autouse=True)
def _nothing_tried() -> None:
    tried.clear()
    heard.clear()


def test_a_fake_tries_again_as_the_policy_says() -> None:
    """A try that has a next one is later, counted, its hook told; the last one is raised; a job may say otherwise."""
    with resqd.testing.fake(trying) as later:
        attempt.enqueue("fail")
        assert later.drain() == 1
        [waiting] = later.later
        assert (waiting.payload.attempts, waiting.due - later.now) == (1, 10.0)
        assert later.advance(10) == later.drain() == 1
        assert later.advance(20) == 1
        with pytest.raises(ValueError, match="fail"):
            later.drain()
        assert (tried, heard, later.later) == ([1, 2, 3], [10.0, 20.0], [])
        once.enqueue()
        with pytest.raises(ValueError, match="once"):
            later.drain()


@pytest.mark.parametrize(("how", "delay", "attempts"), [("snooze", 5.0, [1, 1]), ("later", 3.0, [1, 2])])
def test_a_fake_lets_jobs_ask_for_another_run(how: str, delay: float, attempts: list[int]) -> None:
    """Which counts as a try, or does not; a job that discards itself is done."""
    with resqd.testing.fake(trying) as later:
        attempt.enqueue(how)
        later.drain()
        assert [job.due - later.now for job in later.later] == [delay]
        later.advance(delay)
        later.drain()
        assert (tried, later.later) == (attempts, [])
        attempt.enqueue("discard")
        assert later.drain() == 1
        assert not later.later


def test_inline_tries_at_once() -> None:
    """And raises the last failure, or a snooze, which would have no end."""
    with resqd.testing.inline(trying):
        attempt.enqueue("later")
        attempt.enqueue("discard")
        assert tried == [1, 2, 1]
        tried.clear()
        with pytest.raises(ValueError, match="fail"):
            attempt.enqueue("fail")
        assert tried == [1, 2, 3]
        tried.clear()
        with pytest.raises(resqd.Snooze):
            attempt.enqueue("snooze")


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        ({"retry": "often"}, r"App\(defaults=...\): retry is 'often'"),
        ({"timeouts": 3}, r"App\(defaults=...\): a job has no option 'timeouts'; did you mean timeout"),
        ({"queue": "mail"}, r"App\(defaults=...\): queue is each job's own; give it to app.job"),
        ({"mask": ["secret"]}, r"App\(defaults=...\): mask names parameters of one job"),
    ],
)
def test_wrong_defaults_are_refused_by_name(defaults: Any, said: str) -> None:
    with pytest.raises(resqd.JobDefinitionError, match=said):
        App(defaults=defaults)


@offline.job(name="Export", retry=2)
def export(rows: int) -> None:
    job = current_job()
    assert job is not None
    ran.append(("from", job.cursor, job.attempt))
    for row in job.iterate(range(rows)):
        job.progress(row, rows)
        if row == 2 and job.attempt == 1:
            raise ValueError("stumbled")
    ran.append(("to", job.cursor))


def test_long_jobs_go_on_from_their_cursor(jobs: Fake) -> None:
    """In a later try, whether that comes at once or when the test says so."""
    export.enqueue(5)
    jobs.drain()
    jobs.advance(3600)
    jobs.drain()
    with resqd.testing.inline(offline):
        export.enqueue(5)
    assert ran == [("from", None, 1), ("from", 2, 2), ("to", 5)] * 2


def test_a_later_job_may_go_to_the_front() -> None:
    """Before all that wait when it is due, with a fake as with a daemon."""
    app = App()
    seen: list[int] = []
    job = app.job(queue="q", name="seen")(lambda number: seen.append(number))  # noqa: PLW0108 - a job needs a name and parameters
    with resqd.testing.fake(app) as jobs:
        for number in (1, 2):
            job.using(delay=5, front=True).enqueue(number)
        job.enqueue_in(5, 3)
        job.enqueue(4)
        jobs.advance(5)
        jobs.drain()
    assert seen == [1, 2, 4, 3]
