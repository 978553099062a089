"""Beside the real resque-loner, resque_solo, resque-pause and resque-status, on stock Resque.

`RESQUE_LONER_LIB`, `RESQUE_SOLO_LIB`, `RESQUE_PAUSE_LIB` and `RESQUE_STATUS_LIB` name the `lib`
folders of their sources.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import cast

import pytest
import redis

from resqd.app import App
from resqd.contrib.resque_status import Statuses, StatusJob
from resqd.store.resque.pauses import Note
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for
from tests.system.compat.conftest import JOBS
from tests.system.compat.programs import STOCK, Program, Ruby, find_plugin
from tests.system.compat.seen import ran

COUNTING = """
require 'resque-status'
class Counting
  include Resque::Plugins::Status
  def perform; options['num'].times { |i| at(i, options['num'], "at #{i}") }; end
end
"""
UNIQUE = (
    "class Archive; include Resque::Plugins::UniqueJob; @queue = :mail; end;"
    "puts 3.times.map { Resque.enqueue(Archive, 7, {'z' => 'é', 'a' => [1.5, 1e20]}) }.to_json"
)
LOCKS = {"resque-loner": "resque:loners:queue:mail:job:*", "resque_solo": "resque:solo:queue:mail:job:*"}
VARIABLES = {
    "resque-loner": "RESQUE_LONER_LIB",
    "resque_solo": "RESQUE_SOLO_LIB",
    "resque-pause": "RESQUE_PAUSE_LIB",
    "resque-status": "RESQUE_STATUS_LIB",
}


@pytest.fixture
def program(plugin: str, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Stock Resque with one plugin."""
    return find_plugin(STOCK, plugin, VARIABLES[plugin], monkeypatch)


@pytest.fixture
def daemon(program: Program, redis_url: str, tmp_path: Path) -> Daemon:
    """A resqd on the queue `mail` that frees locks; begun by the test."""
    del program
    (tmp_path / "ruby_jobs.py").write_text(JOBS)
    flags = ["--app", "ruby_jobs:app", "--queues", "mail", "--jobs-per-fork", "100", "--resque-locks", "on"]
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    return Daemon(*flags, "--redis-url", redis_url, folder=tmp_path, environ={"PYTHONPATH": paths})


@pytest.mark.parametrize("plugin", LOCKS)
def test_a_unique_job_can_be_enqueued_again_once_it_was_taken(
    plugin: str, ruby: Ruby, daemon: Daemon, redis_client: redis.Redis
) -> None:
    """While it waits Ruby enqueues it once; resqd frees the lock that Ruby has made."""
    load = f"require '{plugin}';"
    ruby(load + UNIQUE)
    assert redis_client.llen("resque:queue:mail") == 1
    assert len(redis_client.keys(LOCKS[plugin])) == 1
    with daemon as running:
        wait_for(lambda: len(ran(redis_client)) == 1, what="it ran")
        assert redis_client.keys(LOCKS[plugin]) == []
        ruby(load + UNIQUE)
        wait_for(lambda: len(ran(redis_client)) >= 2, what="it ran again")
        running.stop()
    assert redis_client.keys(LOCKS[plugin]) == []


@pytest.mark.parametrize("plugin", ["resque-pause"])
def test_either_sides_pause_holds_on_both(
    plugin: str, ruby: Ruby, daemon: Daemon, redis_client: redis.Redis, redis_url: str
) -> None:
    """What Ruby pauses resqd leaves alone, and Ruby takes no job from what resqd has paused."""
    load, app = f"require '{plugin}';", App(redis_url)
    ruby(load + "ResquePauseHelper.pause('mail'); Resque.enqueue(Archive, 1)")
    with daemon as running:
        wait_for(lambda: redis_client.smembers("resque:workers"), what="registered")
        running.wait_for_line("paused queues: mail")
        assert redis_client.llen("resque:queue:mail") == 1
        assert app.store.books.pauses.resume("mail") == Note()
        wait_for(lambda: len(ran(redis_client)) == 1, what="it ran")
        running.stop()
    app.store.books.pauses.pause("ruby", Note("me"))
    app.enqueue_to("ruby", "Ruby", 1)
    taken = load + "puts [!Resque::Job.reserve('ruby').nil?].to_json"
    assert ruby(taken) == [False]
    ruby(load + "ResquePauseHelper.unpause('ruby')")
    assert ruby(taken) == [True]
    app.store.close()


@pytest.mark.parametrize("plugin", ["resque-status"])
@pytest.mark.usefixtures("plugin")
def test_either_side_runs_and_reads_the_others_jobs_with_a_status(
    ruby: Ruby, redis_url: str, redis_client: redis.Redis
) -> None:
    """The same job leaves the same bytes, whoever made it and whoever ran it; Ruby's wish to kill is followed here."""
    app = App(redis_url)
    statuses = Statuses(app)

    @statuses.job(name="Counting")
    def count(job: StatusJob) -> None:
        for number in range(job.options["num"]):
            job.at(number, job.options["num"], f"at {number}")

    def written(uuid: str | None) -> bytes:
        return cast("bytes", redis_client.get(f"resque:status:{uuid}"))

    theirs = ruby(COUNTING + "puts [Counting.create('num' => 3)].to_json")[0]
    made = written(theirs)
    app.run_one("statused")
    ours = count.create(num=3)
    seen = ruby(
        COUNTING
        + f"Resque::Job.reserve('statused').perform; s = Resque::Plugins::Status::Hash.get('{theirs}');"
        "puts [s.completed?, s.pct_complete, s.options, s.name].to_json"
    )
    assert seen == [True, 100, {"num": 3}, 'Counting({"num"=>3})']

    def shape(uuid: str | None) -> bytes:
        return re.sub(rb'"time":[0-9]+|"uuid":"[^"]*"|[0-9-]+ [0-9:]+ [+-][0-9]+', b"?", written(uuid))

    assert shape(theirs) == shape(ours)
    assert re.sub(rb'"time":[0-9]+', b"?", made) == (
        f'{{?,"status":"queued","uuid":"{theirs}","options":{{"num":3}}}}'.encode()
    )
    killed = count.create(num=3)
    ruby(COUNTING + f"Resque::Plugins::Status::Hash.kill('{killed}')")
    app.run_one("statused")
    assert ruby(COUNTING + f"puts [Resque::Plugins::Status::Hash.get('{killed}').killed?].to_json") == [True]
    app.store.close()
