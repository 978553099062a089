"""The failed lists on a real server: addressed by job as well as by position, and never the wrong job."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from resqd.app import App
from resqd.errors import PayloadError
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.failure_record import build_record
from resqd.store.resque.sweep import FailureMoved
from resqd.text import escaped


@pytest.fixture
def app(redis_url: str) -> App:
    return App(redis_url)


def fail(
    client: redis.Redis,
    job_id: str,
    *,
    queue: str = "mail",
    name: str = "Send",
    generation: int = 1,
    key: str = "failed",
) -> None:
    raw = encoding.encode(name, [job_id], id=job_id, generation=generation)
    record = build_record(
        raw=raw,
        payload=payloads.decode(raw),
        exception=("E", "no"),
        backtrace=[],
        worker="h:1:mail:1:1:1",
        queue=queue,
        failed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    client.rpush(f"resque:{key}", record)


def ids(app: App, queue: str) -> list[tuple[str | None, int]]:
    return [(job.id, job.generation) for job in app.peek(queue, 0, 10_000)]


def test_looking(app: App, redis_client: redis.Redis) -> None:
    """Counts and listings, of all lists, by queue and by class."""
    for number in range(450):
        fail(redis_client, f"a{number}", name="A" if number % 2 else "B")
    redis_client.sadd("resque:failed_queues", "low_failed")
    fail(redis_client, "low", queue="low", key="low_failed")
    assert app.failures.lists() == ["failed", "low_failed"]
    assert app.failures.count() == 451
    assert app.failures.count(job_class="A") == 225
    assert app.failures.count(queue="low") == 1
    assert [failure.id for failure in app.failures.all(10, 2)] == ["a10", "a11"]
    assert app.failures.all(0, 0) == []
    assert [failure.list_name for failure in app.failures.each(queue="low")] == ["low_failed"]
    assert app.failures.find("low").list_name == "low_failed"
    assert app.failures.at(-1).id == "a449"
    with pytest.raises(FailureMoved):
        app.failures.at(450)
    with pytest.raises(FailureMoved):
        app.failures.find("a999")


def test_a_position_before_the_first_record_is_nobodys(app: App, redis_client: redis.Redis) -> None:
    """Counted from the end too far, a position names no failure, and not the oldest; nothing is changed."""
    fail(redis_client, "old")
    fail(redis_client, "new")
    assert app.failures.at(-2).id == "old"
    for act in (app.failures.at, app.failures.remove, app.failures.requeue):
        with pytest.raises(FailureMoved, match="no failure at -3 in failed"):
            act(-3)
    assert (app.failures.count(), app.size("mail")) == (2, 0)


def test_requeue_keeps_the_id_and_marks_the_record(app: App, redis_client: redis.Redis) -> None:
    """By id: the job is back with the next generation, its record stays with the time of the retry."""
    fail(redis_client, "one")
    fail(redis_client, "two", generation=4)
    app.failures.requeue("two")
    assert ids(app, "mail") == [("two", 5)]
    assert app.queues() == ["mail"]
    assert [bool(failure.retried_at) for failure in app.failures.all()] == [False, True]


def test_a_position_that_moved_requeues_no_other_job(app: App, redis_client: redis.Redis) -> None:
    """What was looked at is what is requeued, wherever it stands now; where it is gone, nothing is."""
    for name in ("one", "two", "three"):
        fail(redis_client, name)
    seen = app.failures.at(1)
    redis_client.lpop("resque:failed")
    app.failures.requeue(seen)
    assert ids(app, "mail") == [("two", 2)]
    with pytest.raises(FailureMoved):
        app.failures.requeue(seen)  # its record was marked, so it is not that record any more
    gone = app.failures.find("three")
    app.failures.remove("three")
    with pytest.raises(FailureMoved):
        app.failures.requeue(gone)
    with pytest.raises(FailureMoved):
        app.failures.at(0, job_id="three")
    assert ids(app, "mail") == [("two", 2)]


def test_requeue_all_moves_each_job_once(app: App, redis_client: redis.Redis) -> None:
    """Every job not retried yet goes back once, in order, and its record goes; the others stay."""
    fail(redis_client, "kept")
    app.failures.requeue("kept")
    redis_client.rpush("resque:failed", b"broken")
    for number in range(1_000):
        fail(redis_client, f"{number}", queue="a" if number % 2 else "b")
    assert app.failures.requeue_all() == 1_000
    assert ids(app, "a") == [(f"{number}", 2) for number in range(1, 1_000, 2)]
    assert app.failures.count() == 2
    assert app.failures.requeue_all() == 0


@pytest.mark.parametrize("way", ["requeue_all", "requeue_queue"])
def test_two_that_requeue_all_at_once_double_nothing(
    app: App, redis_url: str, redis_client: redis.Redis, way: str
) -> None:
    """Two administrators at once: each job is requeued exactly once, whoever is first, and neither gives up."""
    for number in range(2_000):
        fail(redis_client, f"{number}")
        if number % 100 == 0:
            redis_client.rpush("resque:failed", b"broken %d" % number)
    start = threading.Barrier(2)
    done: list[int] = []

    def sweep() -> None:
        own = App(redis_url)
        start.wait(10)
        done.append(
            own.failures.requeue_all() if way == "requeue_all" else own.failures.requeue_queue("mail")
        )

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 2
    assert sum(done) == 2_000
    assert sorted(job_id or "" for job_id, _ in ids(app, "mail")) == sorted(
        f"{number}" for number in range(2_000)
    )
    assert app.failures.count() == (20 if way == "requeue_all" else 2_020)


def test_a_sweep_goes_on_behind_what_it_has_kept(
    app: App, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever others delete before, at or behind where it stands: every record that stays is judged, and requeued."""
    pick = random.Random(3)
    for number in range(600):
        fail(redis_client, f"{number}", queue="keep" if number % 3 else "go")
    failures = app.failures
    run, removed = failures._run, set[str]()

    def disturbed(list_name: str, steps: list[Any]) -> int:
        if len(removed) < 60:
            for _ in range(5):
                at = pick.randrange(redis_client.llen("resque:failed"))
                victim = failures.at(at)
                redis_client.lrem("resque:failed", 1, victim.record.decode())
                removed.add(victim.id or "")
        return run(list_name, steps)

    monkeypatch.setattr(failures, "_run", disturbed)
    count = failures._sweep("failed", lambda failure: "requeue" if failure.queue == "go" else "keep")
    gone = {f"{number}" for number in range(0, 600, 3)} - removed
    assert count == len(ids(app, "go"))
    assert {job_id for job_id, _ in ids(app, "go")} >= gone
    assert not list(failures.each(queue="go"))


def test_a_list_that_changes_all_the_time_is_given_up(
    app: App, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an error that says how much was done, instead of for ever."""
    monkeypatch.setattr("resqd.store.resque.sweep.MOST_TRIES", 10)
    fail(redis_client, "one")
    monkeypatch.setattr(app.failures, "_run", lambda _name, _steps: 0)
    with pytest.raises(FailureMoved, match="all the time; 0 were done"):
        app.failures.requeue_all()
    with pytest.raises(FailureMoved, match="is gone"):
        app.failures.requeue(0)


def test_by_queue_and_by_generation(app: App, redis_client: redis.Redis) -> None:
    """requeue_queue marks, retry_young removes, remove_queue removes; each touches only what it is for."""
    for name, queue, generation in (
        ("a", "x", 1),
        ("b", "y", 1),
        ("c", "x", 3),
        ("d", "y", 3),
        ("e", "z", 1),
    ):
        fail(redis_client, name, queue=queue, generation=generation)
    assert app.failures.requeue_queue("x") == 2
    assert app.failures.requeue_queue("x") == 0
    assert app.failures.remove_queue("z") == 1
    assert app.failures.retry_young() == 1
    assert (ids(app, "x"), ids(app, "y")) == ([("a", 2), ("c", 4)], [("b", 2)])
    assert [failure.id for failure in app.failures.all()] == ["a", "c", "d"]


def test_clear_keeps_what_was_never_retried(app: App, redis_client: redis.Redis) -> None:
    """As in the fork, clear deletes the retried ones only, unless everything is asked for."""
    for name in ("a", "b"):
        fail(redis_client, name)
    app.failures.requeue("a")
    assert app.failures.clear() == 1
    assert [failure.id for failure in app.failures.all()] == ["b"]
    assert app.failures.clear(everything=True) == 1
    assert app.failures.count() == 0


def test_what_cannot_be_requeued_says_so(app: App, redis_client: redis.Redis) -> None:
    """A broken record can be removed, not requeued."""
    redis_client.rpush("resque:failed", b"broken")
    with pytest.raises(PayloadError):
        app.failures.requeue(0)
    app.failures.remove(0)
    assert app.failures.count() == 0


def test_one_record_of_a_stranger_stops_nobody(app: App, redis_client: redis.Redis) -> None:
    """What cannot be put back stays for people to look at: no queue of that name can be, no such number, no bytes."""
    payload = '{"class":"A","args":[],"id":"%s","generation":%s}'
    strange = [
        '{"queue":"\\ud800","payload":%s}' % (payload % ("\\ud800", 1)),
        '{"queue":"mail","payload":%s}' % (payload % ("big", "9" * 4_300)),
        '{"queue":"mail","payload":{"class":"A","resqd_raw":"\\u00e9"}}',
        '{"queue":%s,"payload":{}}' % ("[" * 980 + "]" * 980),
    ]
    for number, record in enumerate(strange):
        redis_client.rpush("resque:failed", record)
        fail(redis_client, f"{number}")
    assert app.failures.requeue_queue("\ud800") == 0
    assert app.failures.requeue_all() == len(strange)
    assert app.failures.count() == len(strange)
    assert [job_id for job_id, _ in ids(app, "mail")] == ["0", "1", "2", "3"]
    for unfit in (0, 1, 2, 3):
        with pytest.raises(PayloadError):
            app.failures.requeue(unfit)
    assert app.failures.remove("\\ud800").id == "\ud800"
    assert app.failures.clear(everything=True) == len(strange) - 1


@pytest.mark.parametrize("job_id", ["\ud800", 'a"b\\c/d', "größe", "a\nb", "user:42"])
def test_a_job_is_found_by_its_id_whatever_that_is(app: App, redis_client: redis.Redis, job_id: str) -> None:
    """However JSON writes it, and by what a terminal shows of it too."""
    fail(redis_client, "other")
    redis_client.rpush("resque:failed", json.dumps({"queue": "q", "payload": {"class": "A", "id": job_id}}))
    assert app.failures.find(job_id).index == 1
    assert app.failures.find(escaped(job_id)).index == 1
