"""Delayed jobs beside the real resque-scheduler, both ways, on both Resques; who moves them, and when that changes.

`RESQUE_SCHEDULER_LIB` names the `lib` folder of its sources; it needs the gems rufus-scheduler and fugit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for
from tests.system.compat.conftest import JOBS
from tests.system.compat.programs import FORK, STOCK, Program, Ruby, find_plugin
from tests.system.compat.seen import ran

LOCK = "resque:resque:resque_scheduler_master_lock"
LOAD = "require 'resque-scheduler';"
SCHEDULER = LOAD + (
    "Resque::Scheduler.configure { |c| c.poll_sleep_amount = 0.2; c.quiet = true };"
    "Resque::Scheduler.lock_timeout = ENV.fetch('LOCK_SECONDS', '180').to_i;"
    "Resque::Scheduler.run"
)
ARGUMENTS = [7, {"branch": "é/<main>", "n": [None, True, 10**30]}, 1.5, 1e20, 1e-7, "\x7f\u2028\t"]
RUBY_ARGUMENTS = (
    r"""7, {'branch' => 'é/<main>', 'n' => [nil, true, 10**30]}, 1.5, 1e20, 1e-7, "\x7f\u2028\t" """
)
FAR = 4_000_000_000


@pytest.fixture(params=[FORK, STOCK])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Each Resque in turn, with resque-scheduler."""
    return find_plugin(request.param, "resque-scheduler", "RESQUE_SCHEDULER_LIB", monkeypatch)


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    """An application with the jobs' names and queue, for producers."""
    application = App(redis_url)
    application.job(queue="mail", name="Archive")(archive)
    yield application
    application.store.close()


def archive(*args: object) -> None:
    """What the daemon's job of this name does is written in the jobs' module."""


Daemons = Callable[[str], contextlib.AbstractContextManager[Daemon]]


@pytest.fixture
def daemon(redis_url: str, tmp_path: Path) -> Daemons:
    """Runs a resqd on the queue `mail`, with one RESQUE_SCHEDULER or another."""

    @contextlib.contextmanager
    def run(mode: str) -> Iterator[Daemon]:
        (tmp_path / "ruby_jobs.py").write_text(JOBS)
        flags = ["--app", "ruby_jobs:app", "--queues", "mail", "--jobs-per-fork", "100"]
        flags += ["--redis-url", redis_url, "--resque-scheduler", mode]
        paths = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
        with Daemon(*flags, folder=tmp_path, environ={"PYTHONPATH": paths}) as running:
            yield running
            running.stop()

    return run


def nothing_delayed(client: redis.Redis) -> bool:
    return not client.keys("resque:delayed*") and not client.keys("resque:timestamps:*")


def test_both_write_the_same_bytes_and_find_each_others(
    ruby: Ruby, app: App, redis_client: redis.Redis
) -> None:
    """The same job at the same time makes the same keys with the same content; each takes the other's back."""
    ruby(LOAD + f"Resque.enqueue_at(Time.at({FAR}), Archive, {RUBY_ARGUMENTS})")
    theirs = {key: redis_client.dump(key) for key in redis_client.keys("resque:*delayed*")}
    names = redis_client.keys("resque:timestamps:*")
    assert app.resque_scheduler.remove_delayed("Archive", *ARGUMENTS) == 1
    assert not redis_client.keys("resque:timestamps:*")
    redis_client.delete("resque:delayed_queue_schedule")
    app.resque_scheduler.enqueue_at(FAR, "Archive", *ARGUMENTS)
    assert {key: redis_client.dump(key) for key in redis_client.keys("resque:*delayed*")} == theirs
    assert redis_client.keys("resque:timestamps:*") == names
    assert ruby(
        LOAD
        + f"puts [Resque.scheduled_at(Archive, {RUBY_ARGUMENTS}), Resque.count_all_scheduled_jobs,"
        + f" Resque.remove_delayed(Archive, {RUBY_ARGUMENTS})].to_json"
    ) == [[FAR], 1, 1]
    assert app.resque_scheduler.count() == 0


def test_ruby_delays_and_resqd_runs_on_time(ruby: Ruby, daemon: Daemons, redis_client: redis.Redis) -> None:
    """A daemon alone, with `take`: each once, not before its time, and nothing is left behind."""
    with daemon("take"):
        wait_for(lambda: redis_client.get(LOCK), what="the lock is ours")
        due = ruby(
            LOAD + "at = Time.now + 2; 30.times { |i| Resque.enqueue_at(at, Archive, i, {'é' => 1.5}) };"
            "puts at.to_i"
        )
        wait_for(lambda: len(ran(redis_client)) == 30, 20, what="all ran")
        assert due <= time.time() < due + 10
        assert sorted(args[0] for args in ran(redis_client)) == list(range(30))
        assert nothing_delayed(redis_client)
    assert not redis_client.exists(LOCK)


def test_resqd_delays_and_ruby_runs(ruby: Ruby, app: App, redis_client: redis.Redis) -> None:
    """Ruby's scheduler moves what Python delayed, and a Ruby worker runs it with its arguments."""
    app.resque_scheduler.enqueue_in_with_queue("ruby", 1, "Ruby", *ARGUMENTS)
    with ruby.running(SCHEDULER) as scheduler, ruby.worker("ruby"):
        wait_for(lambda: ran(redis_client, "ran:ruby"), 20, what="it ran")
        ruby.end(scheduler, signal.SIGTERM)
    assert ran(redis_client, "ran:ruby") == [ARGUMENTS]
    assert nothing_delayed(redis_client)


@pytest.mark.parametrize("mode", ["yield", "take"])
@pytest.mark.parametrize("program", [STOCK], indirect=True)
def test_a_ruby_scheduler_keeps_its_work_until_it_dies(
    ruby: Ruby, app: App, daemon: Daemons, redis_client: redis.Redis, mode: str
) -> None:
    """While it holds the lock it alone moves jobs; once that has run out the daemon does. Each job runs once."""
    with ruby.running(SCHEDULER, LOCK_SECONDS="6") as scheduler:
        held = wait_for(lambda: redis_client.get(LOCK), 20, what="Ruby has the lock")
        with daemon(mode):
            app.resque_scheduler.enqueue_in(1, "Archive", 1)
            wait_for(lambda: ran(redis_client) == [[1]], 20, what="Ruby moved it")
            assert redis_client.get(LOCK) == held
            scheduler.kill()
            app.resque_scheduler.enqueue_in(1, "Archive", 2)
            wait_for(lambda: [2] in ran(redis_client), 30, what="the daemon moved it")
    assert ran(redis_client) == [[1], [2]]
    assert nothing_delayed(redis_client)
