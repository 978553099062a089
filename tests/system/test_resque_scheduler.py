"""`app.resque_scheduler` on a real server: Ruby's keys byte for byte; and a daemon that moves the jobs when due."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner

from resqd.app import App
from resqd.cli.resqd import main
from resqd.errors import PayloadError
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

AT = 4_000_000_000
PAYLOAD = '{"class":"Send","args":[7,{"é":"<b>/"},1.0e+20],"queue":"mail"}'.encode()
JOBS = """
import os, resqd
app = resqd.App()

@app.job(queue="mail", name="Send")
def send(*args):
    app.push("ran", {"class": "Ran", "args": list(args)})
"""


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    application = App(redis_url)
    yield application
    application.store.close()


def send(number: int, options: object = None, size: float = 0.0) -> None:
    """A job."""


def test_a_delayed_job_has_rubys_keys_and_bytes(app: App, redis_client: redis.Redis) -> None:
    """As resque-scheduler 5.0.0 was seen to write them; keyword arguments have found their places."""
    job = app.job(queue="mail", name="Send")(send)
    assert app.resque_scheduler.enqueue_at(
        datetime.fromtimestamp(AT + 0.9, UTC), job, 7, size=1e20, options={"é": "<b>/"}
    )
    assert {key: redis_client.type(key) for key in redis_client.keys("*")} == {
        b"resque:delayed_queue_schedule": b"zset",
        b"resque:delayed:4000000000": b"list",
        b"resque:timestamps:" + PAYLOAD: b"set",
    }
    assert redis_client.zrange("resque:delayed_queue_schedule", 0, -1, withscores=True) == [(b"%d" % AT, AT)]
    assert redis_client.lrange("resque:delayed:4000000000", 0, -1) == [PAYLOAD]
    assert redis_client.smembers(b"resque:timestamps:" + PAYLOAD) == {b"delayed:4000000000"}


def test_delayed_jobs_are_counted_shown_and_taken_back(app: App, redis_client: redis.Redis) -> None:
    """In order of their times, whoever wrote them; exact arguments name them."""
    scheduler = app.resque_scheduler
    for at, number in ((AT + 9, 1), (AT, 2), (AT, 3), (AT + 9, 2)):
        scheduler.enqueue_at_with_queue("low", at, "Other", number)
    redis_client.rpush(f"resque:delayed:{AT}", b"{")
    assert (scheduler.count(), scheduler.count(AT)) == (5, 3)
    assert [entry.args for entry in scheduler.entries()] == [[2], [3], [], [1], [2]]
    assert [(entry.args, entry.queue) for entry in scheduler.entries(1, 3)] == [
        ([3], "low"),
        ([], None),
        ([1], "low"),
    ]
    assert scheduler.entries()[2].job_class.startswith("(the payload is not JSON")
    assert scheduler.timestamps() == [datetime.fromtimestamp(at, UTC) for at in (AT, AT + 9)]
    assert scheduler.remove_delayed_in_queue("mail", "Other", 2) == 0
    assert scheduler.remove_delayed_in_queue("low", "Other", 2) == 2
    assert scheduler.count() == 3
    job = app.job(queue="low", name="Other")(send)
    assert scheduler.scheduled_at(job, 3) == [datetime.fromtimestamp(AT, UTC)]
    assert scheduler.remove_at(AT + 9, job, 3) == 0
    assert scheduler.remove_at(AT, job, 3) == 1
    assert scheduler.remove_delayed(job, 1) == 1


def test_what_is_due_already_is_enqueued(app: App) -> None:
    """As in Ruby; a hook can veto that, or the delay."""
    job = app.job(queue="mail", name="Send")(send)
    assert app.resque_scheduler.enqueue_in(timedelta(0), job, 1)
    assert [waiting.args for waiting in app.peek("mail", 0, 9)] == [[1]]
    seen: list[object] = []

    def veto(number: int) -> bool:
        seen.append(number)
        return number != 2

    job.before_enqueue(veto)
    assert not app.resque_scheduler.enqueue_in(60, "Send", 2)
    assert app.resque_scheduler.enqueue_in(60, "Send", 3)
    assert (seen, app.resque_scheduler.count(), app.size("mail")) == ([2, 3], 1, 1)


def test_what_cannot_be_meant_is_refused(app: App, redis_client: redis.Redis) -> None:
    """Before anything is written."""
    job = app.job(queue="mail", name="Send")(send)
    scheduler = app.resque_scheduler
    with pytest.raises(ValueError, match="no time zone"):
        scheduler.enqueue_at(datetime(2100, 1, 1), job, 1)
    with pytest.raises(PayloadError, match="takes a queue"):
        scheduler.enqueue_in(60, "Unknown", 1)
    with pytest.raises(PayloadError, match="Ruby reads"):
        scheduler.enqueue_in(60, job, float("nan"))
    with pytest.raises(TypeError):
        scheduler.enqueue_in(60, job)
    assert redis_client.dbsize() == 0


def test_schedules_of_run_time_are_shown(app: App, redis_client: redis.Redis) -> None:
    """With what Ruby noted of their last time."""
    redis_client.hset(
        "resque:persistent_schedules", mapping={"tea": '{"every":"1m","class":"Tea"}', "bad": "["}
    )
    redis_client.hset("resque:delayed:last_enqueued_at", "tea", "2026-01-02 03:04:05 +0100")
    bad, tea = app.resque_scheduler.schedules()
    assert (tea.name, tea.config, tea.last_enqueued) == (
        "tea",
        {"every": "1m", "class": "Tea"},
        "2026-01-02 03:04:05 +0100",
    )
    assert "not JSON" in bad.config["error"]


def test_a_daemon_moves_and_runs_them_when_due(
    app: App, redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    """With `take`, not before their time; beside a daemon with `yield`, which waits for a Ruby scheduler."""
    (tmp_path / "delayed_jobs.py").write_text(JOBS)
    flags = ["--app", "delayed_jobs:app", "--queues", "mail", "--redis-url", redis_url]
    environ = {"PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}"}
    folder = tmp_path / "first"
    folder.mkdir()
    with Daemon(*flags, "--name", "first", folder=folder, environ=environ) as yielding:
        app.resque_scheduler.enqueue_at_with_queue("mail", time.time() + 1, "Send", "early")
        with Daemon(
            *flags, "--name", "other", "--resque-scheduler", "take", folder=tmp_path, environ=environ
        ) as taking:
            taking.wait_for_line("moving resque-scheduler's delayed jobs")
            due = int(time.time()) + 2
            app.resque_scheduler.enqueue_at_with_queue("mail", due, "Send", "later")
            wait_for(lambda: app.size("ran") == 2, 15, what="both ran")
            assert time.time() >= due
            assert [job.args for job in app.peek("ran", 0, 9)] == [["early"], ["later"]]
            taking.stop()
        assert not redis_client.exists("resque:resque:resque_scheduler_master_lock")
        yielding.stop()
    assert "delayed jobs" not in yielding.output()


def test_the_command_shows_what_is_delayed(app: App, redis_client: redis.Redis, redis_url: str) -> None:
    """With the tries of resque-retry, who the scheduler is, and the schedules of run time."""
    app.resque_scheduler.enqueue_at_with_queue("low", AT, "A::B", {"a": 1})
    key = "resque:resque-retry:A::B:74e70f6487a1f3bc358cf155058e625ad786257c"
    redis_client.set(key, 2)
    redis_client.set(
        key.replace("resque:", "resque:failure-", 1), '{"exception":"Full","error":"disk \\u001b[2J"}'
    )
    redis_client.hset("resque:persistent_schedules", "tea", '{"every":"1m","class":"Tea"}')

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["scheduler", *words, "--redis-url", redis_url])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert json.loads(run("list", "--json")) == {
        "delayed": [
            {
                "at": "2096-10-02T07:06:40+00:00",
                "class": "A::B",
                "args": [{"a": 1}],
                "queue": "low",
                "retries": 2,
                "last_error": "Full: disk \x1b[2J",
            }
        ],
        "total": 1,
        "scheduler": None,
    }
    text = run("list")
    assert "Full: disk" in text
    assert "\x1b" not in text
    assert "1 delayed; no scheduler" in text
    assert json.loads(run("schedules", "--json"))[0]["name"] == "tea"
    assert "1m" in run("schedules")
    assert json.loads(run("list", "--from", "1", "--json"))["delayed"] == []


def test_schedules_of_run_time_run_where_a_daemon_takes_rubys_place(
    app: App, redis_client: redis.Redis, redis_url: str, tmp_path: Path
) -> None:
    """Each second once, and no longer once Ruby has deleted it; what cannot be carried out is said."""
    config = {"every": ["1s", {"first_in": "1s"}], "class": "Send", "args": ["tea"]}
    redis_client.hset("resque:persistent_schedules", mapping={"tea": json.dumps(config), "bad": "["})
    (tmp_path / "delayed_jobs.py").write_text(JOBS)
    flags = ["--app", "delayed_jobs:app", "--queues", "mail", "--redis-url", redis_url]
    environ = {"PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}"}
    folder = tmp_path / "first"
    folder.mkdir()
    with (
        Daemon(*flags, "--name", "first", folder=folder, environ=environ),
        Daemon(
            *flags, "--name", "other", "--resque-scheduler", "take", folder=tmp_path, environ=environ
        ) as taking,
    ):
        taking.wait_for_line("cron entry 'bad' cannot be carried out here")
        wait_for(lambda: app.size("ran") >= 3, 20, what="it ran thrice")
        assert {tuple(job.args) for job in app.peek("ran", 0, 99)} == {("tea",)}
        ticks = redis_client.hget("resque:resqd:cron", "resque-scheduler/tea")
        assert ticks is not None
        redis_client.hdel("resque:persistent_schedules", "tea")
        wait_for(
            lambda: not redis_client.hexists("resque:resqd:cron", "resque-scheduler/tea"), 20, what="it ended"
        )
        assert taking.stop() == 0
