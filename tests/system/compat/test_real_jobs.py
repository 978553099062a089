"""Jobs and workers of resqd beside the real fork and the real stock Resque (`programs.py`), both directions."""

from __future__ import annotations

from collections import Counter
from typing import cast

import pytest
import redis

from resqd.app import App
from tests.support.waiting import wait_for
from tests.system.compat.programs import Ruby
from tests.system.compat.seen import failures, hold, let_go, members, ran

PRUNE = {
    True: "Resque::WorkerManager.prune_dead_workers",
    False: "Resque::Worker.new('*').prune_dead_workers",
}
"""How the fork prunes, and how stock Resque does."""


@pytest.mark.usefixtures("daemon")
def test_ruby_enqueues_and_resqd_runs(ruby: Ruby, redis_client: redis.Redis) -> None:
    """Every job of Resque.enqueue and Resque.push runs once, with the arguments that Ruby meant."""
    ruby(
        "50.times { |i| Resque.enqueue(Archive, i, {'é' => [nil, 1.5, 10**30]}) };"
        "Resque.push('mail', class: 'Archive', args: [])"
    )
    wait_for(lambda: len(ran(redis_client)) == 51, what="all ran")
    expected = [[i, {"é": [None, 1.5, 10**30]}] for i in range(50)]
    assert sorted(line for line in ran(redis_client) if line) == expected
    assert failures(redis_client) == 0


def test_resqd_enqueues_and_ruby_runs(ruby: Ruby, redis_url: str, redis_client: redis.Redis) -> None:
    """A Ruby worker runs what Python enqueued, and its failures can be looked at and requeued from here."""
    app = App(redis_url)
    for number in range(5):
        app.enqueue_to("ruby", "Ruby", number, {"é": 10**30})
    app.enqueue_to("ruby", "Broken")
    with ruby.worker("ruby"):
        wait_for(lambda: failures(redis_client) == 1, 20, what="Ruby ran them")
    assert ran(redis_client, "ran:ruby") == [[number, {"é": 10**30}] for number in range(5)]
    failure = app.failures.at(0)
    assert (failure.job_class, failure.error, failure.exception) == ("Broken", "no", "RuntimeError")
    app.failures.requeue(failure)
    assert app.peek("ruby")[0].generation == 2
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_both_serve_one_queue(ruby: Ruby, redis_url: str, redis_client: redis.Redis) -> None:
    """A daemon and a Ruby worker share a queue: each job runs once; neither drops the other from the registry."""
    app = App(redis_url)
    ours = wait_for(lambda: members(redis_client), what="registered")
    enqueued = 0

    def both_ran_some() -> bool:
        nonlocal enqueued
        for _ in range(20):
            app.enqueue_to("mail", "Archive", enqueued)
            enqueued += 1
        return bool(ran(redis_client)) and bool(ran(redis_client, "ran:ruby"))

    def all_ran() -> bool:
        return redis_client.llen("ran") + redis_client.llen("ran:ruby") >= enqueued

    with ruby.worker("mail"):
        wait_for(both_ran_some, 20, what="both ran some")
        wait_for(all_ran, 20, what="all ran")
        assert ours < members(redis_client)
        assert len(members(redis_client)) == 2
    counts = Counter(number for (number,) in ran(redis_client) + ran(redis_client, "ran:ruby"))
    assert counts == Counter(range(enqueued))
    assert members(redis_client) == ours
    assert failures(redis_client) == 0
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_ruby_sees_what_resqd_does(ruby: Ruby, redis_url: str, redis_client: redis.Redis) -> None:
    """Resque.info, the workers and the failures as monitors read them, and in the fork the running jobs."""
    app = App(redis_url)
    app.enqueue_to("mail", "Files::Fail", 1)
    app.store.close()
    wait_for(lambda: failures(redis_client) == 1, what="failed")
    hold(redis_url, redis_client, 2)
    registry = "Resque::WorkerManager" if ruby.program.is_fork else "Resque::Worker"
    running = "Resque.jobs_running.map(&:last)" if ruby.program.is_fork else "Resque.working.map(&:job)"
    seen = ruby(f"""
      puts({{info: Resque.info, workers: Resque.workers.map(&:to_s), fail: Resque::Failure.all(0),
            jobs: {running}.map {{ |job| job['payload']['class'] }}, beats: {registry}.all_heartbeats.keys,
            sizes: Resque.queue_sizes, samples: Resque.sample_queues(10), keys: Resque.keys.size}}.to_json)
    """)
    assert (seen["info"]["workers"], seen["info"]["failed"], seen["info"]["pending"]) == (1, 1, 0)
    assert seen["workers"][0].endswith(":mail,a~b:2:2:100")
    assert seen["beats"] == seen["workers"]
    assert seen["sizes"]["mail"] == 0
    assert seen["fail"]["payload"]["class"] == "Files::Fail"
    assert seen["fail"]["error"].startswith("disk <full>")
    expected = ["Hold", "Hold"] if ruby.program.is_fork else []  # stock knows no threads
    assert (seen["jobs"], seen["info"]["working"]) == (expected, len(expected))
    let_go(redis_client)


@pytest.mark.usefixtures("daemon")
def test_ruby_prunes_and_resqd_registers_again(ruby: Ruby, redis_url: str, redis_client: redis.Redis) -> None:
    """Ruby prunes the dead and nothing of a live daemon; what a page unregisters is back with the next beat."""
    hold(redis_url, redis_client, 1)
    before = members(redis_client)
    dead = "elsewhere:7:mail:1:1:1"
    redis_client.sadd("resque:workers", dead)
    redis_client.hset("resque:workers:heartbeat", dead, "2020-01-01T00:00:00Z")
    ruby(PRUNE[ruby.program.is_fork])
    assert members(redis_client) == before
    for removal in ("Resque.workers.each(&:unregister_worker)", "Resque.redis.del('workers')"):
        ruby(removal)
        wait_for(lambda: members(redis_client) == before, 5, what="registered again")
    assert {
        worker.decode() for worker in cast("list[bytes]", redis_client.hkeys("resque:workers:heartbeat"))
    } == before
    let_go(redis_client)
