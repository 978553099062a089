"""Unique jobs, as an application enqueues them, with the real scripts and a real daemon."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import resqd
from resqd.store.keys import Keys
from resqd.store.later import later as later_scripts
from resqd.store.unique import locks as lock_scripts
from resqd.testing import fake
from tests.support.daemon import Daemon
from tests.support.redis_clock import RedisClock
from tests.support.waiting import wait_for
from tests.system.store.test_declared_keys import guarded

KEYS = Keys()
LOCKS = KEYS.unique


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for name in ("PUT", "RELEASE"):
        monkeypatch.setattr(lock_scripts, name, guarded(getattr(lock_scripts, name)))


@pytest.fixture
def app(redis_url: str) -> Iterator[resqd.App]:
    app = resqd.App(redis_url)
    yield app
    app.store.close()


def register(app: resqd.App, **options: Any) -> resqd.Job[..., str]:
    @app.job(queue="mail", name="Send", unique=resqd.Unique(**options))
    def send(user: int, text: str = "") -> str:
        return f"{user} {text}"

    return send


@pytest.mark.usefixtures("guard")
def test_a_second_one_is_skipped_wherever_the_first_one_is(app: resqd.App, redis_client: redis.Redis) -> None:
    send = register(app, by=["user"])
    first = send.enqueue(1, "a")
    assert first
    assert send.enqueue(1, "b") is None
    assert send.enqueue_in(60, 1, "c") is None
    assert send.enqueue_many([(1, "d"), (2, "e"), (2, "f")])[::2] == [None, None]
    assert app.size("mail") == 2
    assert send.using(queue="low").enqueue(1)
    assert redis_client.hlen(LOCKS) == 3
    assert app.dequeue(send, 1, "a") == 1
    again = send.using(front=True).enqueue(1, "g")
    assert [job.id for job in app.peek("mail")] == [again]
    later = send.enqueue_in(60, 3)
    assert later
    assert (send.enqueue(3), app.cancel(later)) == (None, "later")
    assert app.remove_queue("mail") == 2
    assert redis_client.hlen(LOCKS) == 1


@pytest.mark.usefixtures("guard")
def test_many_are_put_in_their_order(app: resqd.App, redis_client: redis.Redis) -> None:
    """Also where one call does not take them all."""
    send = register(app)
    batch = [(number % 1_300, "x" * 500) for number in range(2_600)]
    ids = send.enqueue_many(batch)
    assert [bool(one) for one in ids] == [True] * 1_300 + [False] * 1_300
    assert [job.args[0] for job in app.peek("mail", 0, 2_000)] == list(range(1_300))
    front = [(number, "") for number in range(2_000, 3_200)]
    send.using(front=True).enqueue_many(front)
    assert [job.args[0] for job in app.peek("mail", 0, 1_200)] == list(range(2_000, 3_200))
    assert redis_client.hlen(LOCKS) == 2_500


@pytest.mark.usefixtures("guard")
def test_what_is_later_is_replaced(app: resqd.App, redis_client: redis.Redis) -> None:
    """With new arguments and a new time; what waits or runs is not."""
    send = register(app, by=["user"], on_conflict="replace")
    first = send.enqueue_in(60, 1, "a")
    second = send.enqueue_in(90, 1, "b")
    assert second
    [job] = app.later()
    assert (job.ticket, job.payload.args, job.due > time.time() + 80) == (second, [1, "b"], True)
    assert app.where(str(first)) == "gone"
    assert send.enqueue_many([(1, "c"), (2, "d"), (1, "e")])[2] is None
    assert [job.args for job in app.peek("mail", 0, 9)] == [[1, "c"], [2, "d"]]
    assert (len(app.later()), redis_client.hlen(LOCKS)) == (0, 2)
    assert send.enqueue_in(5, 1) is None


def test_a_conflict_is_raised(app: resqd.App) -> None:
    send = register(app, on_conflict="raise")
    first = send.enqueue(1)
    with pytest.raises(resqd.AlreadyEnqueued, match="Send is unique") as caught:
        send.enqueue_many([(2,), (1,), (3,)])
    assert caught.value.job_id == first
    assert [job.args for job in app.peek("mail", 0, 9)] == [[1], [2]]


def test_windows_and_old_locks_go_by_redis_s_clock(
    app: resqd.App, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock older than max_hold is taken over, but not from a job that is still to run later."""
    clock = RedisClock(redis_client, monkeypatch, lock_scripts, later_scripts)
    send = register(app, max_hold=100)
    once = app.job(name="Once", unique=resqd.Unique(window=60))(lambda: None)
    begun = clock.now
    first = send.enqueue(1)
    later = send.enqueue_in(500, 2)
    assert first
    assert later
    assert once.enqueue()
    clock.now = begun + 59
    assert once.enqueue() is None
    clock.now = begun + 61
    assert once.enqueue()
    clock.now = begun + 99
    assert send.enqueue(1) is None
    clock.now = begun + 101
    assert send.enqueue(1)
    clock.now = begun + 10_000
    assert send.enqueue(2) is None
    assert redis_client.zcard(KEYS.unique_windows) == 1


def test_a_key_of_another_type_is_refused_before_anything_changes(
    app: resqd.App, redis_client: redis.Redis
) -> None:
    send = register(app)
    redis_client.set(KEYS.queue("mail"), "no list")
    with pytest.raises(resqd.StoreError, match="queue:mail: WRONGTYPE"):
        send.enqueue(1)
    assert not redis_client.exists(LOCKS)


def test_a_fake_knows_unique_jobs(app: resqd.App) -> None:
    send = register(app, by=["user"], on_conflict="replace")
    with fake(app) as jobs:
        assert send.enqueue_in(60, 1, "a")
        assert send.enqueue_in(60, 1, "b")
        assert [job.args for job in jobs.later] == [[1, "b"]]
        jobs.advance(60)
        assert send.enqueue(1, "c") is None
        assert jobs.drain() == 1
        assert send.enqueue(1, "c")


def test_a_job_that_is_run_or_taken_by_hand_leaves_no_lock(app: resqd.App, redis_client: redis.Redis) -> None:
    send = register(app)
    broken = app.job(queue="mail", name="Broken", unique=resqd.Unique())(lambda: 1 / 0)
    send.enqueue(1)
    assert app.run_one("mail")
    broken.enqueue()
    with pytest.raises(ZeroDivisionError):
        app.run_one("mail")
    send.enqueue(1)
    assert app.pop("mail")
    assert not redis_client.exists(LOCKS)


def fail(app: resqd.App, job: Any, *args: object) -> str:
    job_id = job.enqueue(*args)
    with pytest.raises(ZeroDivisionError):
        app.run_one("mail")
    return str(job_id)


def test_a_failed_job_is_put_back_only_while_no_other_holds_its_lock(
    app: resqd.App, redis_url: str, redis_client: redis.Redis
) -> None:
    @app.job(queue="mail", name="Divide", unique=resqd.Unique())
    def divide(number: int) -> float:
        return 1 / (number - number)

    first, second, third = fail(app, divide, 1), fail(app, divide, 1), fail(app, divide, 2)
    app.failures.requeue(first)
    assert redis_client.hlen(LOCKS) == 1
    for _ in range(2):
        with pytest.raises(resqd.PayloadError, match=f"job {first} holds its lock"):
            app.failures.requeue(second)
    with pytest.raises(resqd.PayloadError, match=f"job {first} holds its lock"):
        app.failures.requeue(first)
    assert app.failures.requeue_all() == 1
    assert [job.id for job in app.peek("mail", 0, 9)] == [first, third]
    assert [failure.id for failure in app.failures.all()] == [first, second]

    command = [sys.executable, "-m", "resqd", "failed", "requeue", "--all", "--yes", "--redis-url", redis_url]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert f"not requeued: Divide {second}" in told.stdout + told.stderr
    assert "requeued 0" in told.stdout + told.stderr
    with pytest.raises(ZeroDivisionError):
        app.run_one("mail")
    assert app.failures.requeue_all() == 1
    assert app.size("mail") == 2
    assert redis_client.hlen(LOCKS) == 2


def test_two_records_of_one_kind_of_job_give_one_job(app: resqd.App) -> None:
    """Requeued together: what an earlier one of the same call takes counts."""

    @app.job(queue="mail", name="Divide", unique=resqd.Unique())
    def divide() -> float:
        return 1 / 0

    ids = [fail(app, divide) for _ in range(3)]
    refused: list[str] = []
    assert app.failures.requeue_all(lambda failure, _why: refused.append(str(failure.id))) == 1
    assert (refused, app.size("mail")) == (ids[1:], 1)


@pytest.mark.usefixtures("guard")
def test_locks_are_listed_and_released(app: resqd.App, redis_url: str) -> None:
    send = register(app)
    once = app.job(name="Once", unique=resqd.Unique(window=60))(lambda: None)
    first, second = send.enqueue(1), send.enqueue(2)
    once.enqueue()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "resqd", "unique", *words, "--redis-url", redis_url]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    shown = json.loads(run("list", "--json").stdout)
    assert [lock["id"] for lock in shown] == [first, second, None]
    assert str(second) in run("list").stdout
    assert "1 of 3" in run("list", "--count", "1").stdout
    assert json.loads(run("release", str(first), shown[2]["fingerprint"], "--json").stdout)["released"] == 2
    assert send.enqueue(1)
    assert once.enqueue()
    gone = run("release", str(first))
    assert (gone.returncode, "no such lock" in gone.stderr) == (1, True)


JOBS = """
import os, time, resqd
app = resqd.App()
GO = os.environ["GO"]

@app.job(queue="q", name="Wait", unique=resqd.Unique(), retry=resqd.Retry(1, first=0.05, factor=1.0))
def wait(tag, raises):
    open(f"{GO}.{tag}", "a").write("x")
    while not os.path.exists(GO):
        time.sleep(0.01)
    if raises:
        raise ValueError

@app.job(queue="q", name="Start", unique=resqd.Unique(until="start"))
def start(tag):
    open(f"{GO}.{tag}", "a").write("x")
    while not os.path.exists(GO):
        time.sleep(0.01)
"""


@pytest.mark.parametrize("jobs_per_fork", ["0", "1"])
def test_a_daemon_lets_locks_go_as_jobs_end_or_begin(
    jobs_per_fork: str, tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    (tmp_path / "once.py").write_text(JOBS)
    go = tmp_path / "go"
    env = {"GO": str(go), "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}", "REDIS_URL": redis_url}
    app = resqd.App(redis_url)
    unique = resqd.Unique()
    wait = app.job(queue="q", name="Wait", unique=unique)(lambda _tag, _raises: None)
    start = app.job(queue="q", name="Start", unique=resqd.Unique(until="start"))(lambda _tag: None)
    flags = ("--app", "once:app", "--queues", "q", "--workers", "1", "--threads", "4")
    with Daemon(*flags, "--jobs-per-fork", jobs_per_fork, folder=tmp_path, environ=env):
        assert wait.enqueue("done", False)
        assert wait.enqueue("failed", True)
        assert start.enqueue("start")
        count = 3 if jobs_per_fork == "0" else 1
        wait_for(lambda: len(list(tmp_path.glob("go.*"))) >= count, 20, what="jobs run")
        if jobs_per_fork == "0":
            assert wait.enqueue("done", False) is None
            assert start.enqueue("start")
        go.touch()
        wait_for(lambda: not redis_client.exists(LOCKS), 20, what="no lock is left")
        assert (tmp_path / "go.failed").read_text() == "xx"
        assert wait.enqueue("done", False)
        wait_for(lambda: (tmp_path / "go.done").read_text() == "xx", 20, what="it ran again")
        wait_for(lambda: not redis_client.exists(LOCKS), 20, what="no lock is left")
    app.store.close()
