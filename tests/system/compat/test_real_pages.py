"""The web pages of the real fork and the real stock Resque (`programs.py`) over what resqd writes."""

from __future__ import annotations

import json
from typing import cast

import pytest
import redis

from resqd.app import App
from tests.support.waiting import wait_for
from tests.system.compat.programs import FORK, Ruby
from tests.system.compat.seen import failures, hold, let_go, ran

HOSTILE = [
    b"\xff\xfe",
    b"[]",
    b'{"class":"","args":[1]}',
    b'{"class":"Nope","args":{"a":1}}',
    b'{"class":"Files::Fail","args":["\\ud800"],"id":null,"generation":null}',
    b'{"class":"Nope","args":[1e999]}',
    b'{"class":"Nope","args":["\\udc00 in front"]}',
    b'{"class":"Nope","args":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[]}',
    b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":[7]}',
    b'{"class":"Nope","args":[null],"id":{"x":1},"generation":"two"}',
]
"""Payloads of which none can be run; each leaves a failure."""


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("backend", ["redis", "redis_multi_queue"])
def test_no_page_crashes_on_what_resqd_writes(
    ruby: Ruby, redis_url: str, redis_client: redis.Redis, backend: str
) -> None:
    """Every tab answers with jobs running and with failures of the worst kind, before and after Requeue of each."""
    redis_client.sadd("resque:queues", "mail")
    redis_client.rpush("resque:queue:mail", *HOSTILE)
    wait_for(lambda: failures(redis_client) == len(HOSTILE), what="all failed")
    if backend == "redis_multi_queue":
        redis_client.rename("resque:failed", "resque:mail_failed")
        redis_client.sadd("resque:failed_queues", "mail_failed", "other_failed")
    hold(redis_url, redis_client, 3)
    shown = ruby.browse(
        """
      tabs = %w(/overview /working /failed /queues /workers /stats/resque /stats/redis /stats/keys /stats.txt)
      tabs.each { |path| page path }
      page '/workers/all'
      Resque.workers.each { |w| page "/workers/#{w}" }
      Resque.queues.each { |q| page "/queues/#{q}" }
      list = ENV['FAILURE_BACKEND'] == 'redis' ? nil : 'mail_failed'
      name = list ? "/failed/#{list}" : '/failed'
      page name
      page "#{name}?class=Nope" unless list
      Resque::Failure.count(list).times { page "#{name}/requeue/0" } unless list
      Resque::Failure.count(list).times { |i| page "#{name}/requeue/#{i}" } if list
      page '/failed'
      page '/queues/mail' unless list
      puts({working: page('/working')}.to_json)
    """,
        FAILURE_BACKEND=backend,
    )
    shows = "3 Job(s) Actively Running" if ruby.program.is_fork else "0 of 1 Workers Working"
    assert shows in shown["working"]
    let_go(redis_client)


@pytest.mark.usefixtures("daemon")
def test_requeue_on_the_page_runs_the_job_again(
    ruby: Ruby, redis_url: str, redis_client: redis.Redis
) -> None:
    """The button on the Failed page puts the job back as resqd can run it.

    The fork keeps its id, raises its generation and drops the record. Stock Resque marks the record as
    retried, and pushes the class and the arguments alone.
    """
    app = App(redis_url)
    job_id = app.enqueue_to("mail", "Files::Fail", 7)
    wait_for(lambda: failures(redis_client) == 1, what="failed once")
    ruby.browse("page '/failed/requeue/0'")
    wait_for(lambda: ran(redis_client) == [[7], [7]], what="ran again")
    count = 1 if ruby.program.is_fork else 2
    wait_for(lambda: failures(redis_client) == count, what="recorded again")
    first, again = app.failures.at(0), app.failures.at(-1)
    expected = (job_id, 2, False) if ruby.program.is_fork else (None, 1, True)
    assert (again.id, again.generation, first.retried_at is not None) == expected
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_requeue_all_on_the_page_runs_all_again(
    ruby: Ruby, redis_url: str, redis_client: redis.Redis
) -> None:
    """The button above the failures puts each job back once, with its arguments."""
    app = App(redis_url)
    for number in range(5):
        app.enqueue_to("mail", "Files::Fail", number)
    app.store.close()
    wait_for(lambda: failures(redis_client) == 5, what="failed once")
    let_go(redis_client)  # they succeed now; the fork would take out again what fails while it is at it
    ruby.browse("page '/failed/requeue/all', :post")
    wait_for(lambda: len(ran(redis_client)) == 10, what="ran again")
    assert sorted(ran(redis_client)) == [[number] for number in range(5) for _ in range(2)]


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("program", [FORK], indirect=True)
def test_kill_on_the_forks_page_ends_the_job(ruby: Ruby, redis_url: str, redis_client: redis.Redis) -> None:
    """The button on the Working page, which stock Resque has not, ends that one job as DirtyExit; the others run on."""
    hold(redis_url, redis_client, 2)
    ruby.browse("""
      Resque.heartbeat_interval = 0.1
      thread, _job = Resque.jobs_running.find { |_thread, job| job['payload']['args'] == [0] }
      page("/kill/#{thread}", :post)
    """)
    wait_for(lambda: failures(redis_client) == 1, what="killed")
    record = json.loads(cast("bytes", redis_client.lindex("resque:failed", 0)))
    assert (record["payload"]["args"], record["exception"]) == ([0], "DirtyExit")
    let_go(redis_client)
