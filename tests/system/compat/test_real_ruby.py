"""Ruby's own Resque beside a real daemon. Runs where `ruby -rresque` works (RUBYLIB counts); installs nothing."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import redis

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

JOBS = """
import json, os, time
import redis, resqd

app = resqd.App()
connected = redis.Redis.from_url(os.environ["REDIS_URL"])

@app.job(queue="mail", name="Archive")
def archive(*args):
    connected.rpush("ran", json.dumps(args))

@app.job(queue="mail", name="Files::Fail")
def fail(*args):
    connected.rpush("ran", json.dumps(args))
    raise ValueError("disk <full> \\udcff")

@app.job(queue="mail", name="Hold")
def hold(*args):
    while not connected.exists("go"):
        time.sleep(0.01)
"""

PREAMBLE = """
require 'json'
server = {path: ENV.fetch('TEST_SOCKET'), db: ENV.fetch('TEST_DB').to_i}
Resque.redis = Redis::Namespace.new(:resque, redis: Redis.new(**server))
FORK = defined?(Resque::WorkerManager)
class Archive; @queue = :mail; end
class Ruby
  @queue = :ruby
  def self.perform(*args); Redis.new(path: ENV['TEST_SOCKET'], db: ENV['TEST_DB'].to_i).rpush('ran', args.to_json); end
end
class Broken; @queue = :ruby; def self.perform(*); raise 'no'; end; end
"""

PAGES = """
require 'resque/server'
require 'rack/test'
Resque::Server.set(:environment, :test)
Resque::Server.set(:raise_errors, true)
BROWSER = Rack::Test::Session.new(Resque::Server)
def page(path, method = :get)
  BROWSER.send(method, path)
  raise "#{path}: #{BROWSER.last_response.status}" unless [200, 302].include?(BROWSER.last_response.status)
  BROWSER.last_response.body
end
ALL = %w(/overview /working /failed /queues /workers /stats/resque /stats/redis /stats/keys /stats.txt)
"""

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


@functools.cache
def why_not(*libraries: str) -> str:
    """Why Ruby cannot load these, or nothing."""
    ruby = shutil.which("ruby")
    if ruby is None:
        return "there is no ruby on this machine"
    loading = [f"-r{library}" for library in libraries]
    tried = subprocess.run([ruby, "-W0", *loading, "-e", "1"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"Ruby cannot load {libraries}: {tried.stderr.strip()[-300:]}"


@pytest.fixture(autouse=True)
def _with_resque() -> None:
    if reason := why_not("resque"):
        pytest.skip(reason)


class Beside:
    """Runs Ruby programs on the test's database."""

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        database = parse_qs(parts.query)["db"][0]
        self._environ = {**os.environ, "TEST_SOCKET": unquote(parts.path), "TEST_DB": database}
        self._folder = folder

    def __call__(self, program: str, **environ: str) -> Any:
        """What the program's last line says in JSON; its own error where it fails."""
        done = subprocess.run(
            ["ruby", "-W0", "-rresque", "-e", PREAMBLE + program],
            env={**self._environ, **environ},
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr[:3000]
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


@pytest.fixture
def ruby(redis_url: str, tmp_path: Path) -> Beside:
    return Beside(redis_url, tmp_path)


@pytest.fixture
def daemon(redis_url: str, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with two workers of two threads on the queue `mail`."""
    (tmp_path / "ruby_jobs.py").write_text(JOBS)
    flags = ["--app", "ruby_jobs:app", "--queues", "mail,a:b", "--workers", "2", "--threads", "2"]
    flags += ["--jobs-per-fork", "100", "--redis-url", redis_url, "--heartbeat-interval", "0.5"]
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    with Daemon(*flags, folder=tmp_path, environ={"PYTHONPATH": paths}) as running:
        yield running
        running.stop()


def ran(client: redis.Redis) -> list[Any]:
    return [json.loads(line) for line in cast("list[bytes]", client.lrange("ran", 0, -1))]


def failures(client: redis.Redis) -> int:
    return client.llen("resque:failed")


def hold(redis_url: str, client: redis.Redis, count: int) -> None:
    """Have jobs run until the key `go` is set, and wait until the registry shows them."""
    app = App(redis_url)
    for number in range(count):
        app.enqueue_to("mail", "Hold", number)
    wait_for(
        lambda: len(cast("list[bytes]", client.keys("resque:worker:*:[0-9]*:[0-9]*"))) >= count, what="shown"
    )
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_ruby_enqueues_and_resqd_runs(ruby: Beside, redis_client: redis.Redis) -> None:
    """Every job of Resque.enqueue and Resque.push runs once, with the arguments that Ruby meant."""
    ruby(
        "50.times { |i| Resque.enqueue(Archive, i, {'é' => [nil, 1.5, 10**30]}) };"
        "Resque.push('mail', class: 'Archive', args: [])"
    )
    wait_for(lambda: len(ran(redis_client)) == 51, what="all ran")
    expected = [[i, {"é": [None, 1.5, 10**30]}] for i in range(50)]
    assert sorted(line for line in ran(redis_client) if line) == expected
    assert failures(redis_client) == 0


def test_resqd_enqueues_and_ruby_runs(ruby: Beside, redis_url: str, redis_client: redis.Redis) -> None:
    """A Ruby worker runs what Python enqueued, and its failures can be looked at and requeued from here."""
    app = App(redis_url)
    for number in range(5):
        app.enqueue_to("ruby", "Ruby", number, {"é": 10**30})
    app.enqueue_to("ruby", "Broken")
    ruby("Resque::Worker.new('ruby').work(0)", JOBS_PER_FORK="100")
    assert ran(redis_client) == [[number, {"é": 10**30}] for number in range(5)]
    failure = app.failures.at(0)
    assert (failure.job_class, failure.error, failure.exception) == ("Broken", "no", "RuntimeError")
    app.failures.requeue(failure)
    assert app.peek("ruby")[0].generation == 2
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_ruby_sees_what_resqd_does(ruby: Beside, redis_url: str, redis_client: redis.Redis) -> None:
    """Resque.info, the workers and their jobs, and the failures, as scripts and monitors read them."""
    app = App(redis_url)
    app.enqueue_to("mail", "Files::Fail", 1)
    app.store.close()
    wait_for(lambda: failures(redis_client) == 1, what="failed")
    hold(redis_url, redis_client, 2)
    seen = ruby("""
      workers = Resque.workers.map(&:to_s)
      jobs = FORK ? Resque.jobs_running.map { |t, j| j['payload']['class'] } : []
      fail = Resque::Failure.all(0)
      puts({info: Resque.info, workers: workers, jobs: jobs, fail: fail, sizes: Resque.queue_sizes,
            samples: Resque.sample_queues(10), keys: Resque.keys.size,
            beats: Resque::Worker.respond_to?(:all_heartbeats) ? Resque::Worker.all_heartbeats.size : 1}.to_json)
    """)
    assert (seen["info"]["workers"], seen["info"]["failed"], seen["info"]["pending"]) == (1, 1, 0)
    assert seen["workers"][0].endswith(":mail,a~b:2:2:100")
    assert seen["jobs"] in (["Hold", "Hold"], [])
    assert seen["fail"]["payload"]["class"] == "Files::Fail"
    assert seen["fail"]["error"].startswith("disk <full>")
    redis_client.set("go", 1)


@pytest.mark.usefixtures("daemon")
def test_ruby_prunes_and_resqd_registers_again(
    ruby: Beside, redis_url: str, redis_client: redis.Redis
) -> None:
    """Ruby's pruning takes nothing of a live daemon; where a page unregisters it, it is back with the next beat."""
    hold(redis_url, redis_client, 1)
    before = redis_client.smembers("resque:workers")
    prune = "FORK ? Resque::WorkerManager.prune_dead_workers : Resque::Worker.new('*').prune_dead_workers"
    ruby(prune)
    assert redis_client.smembers("resque:workers") == before
    for removal in ("Resque.workers.each(&:unregister_worker)", "Resque.redis.del('workers')"):
        ruby(removal)
        wait_for(lambda: redis_client.smembers("resque:workers") == before, 5, what="registered again")
    assert redis_client.hgetall("resque:workers:heartbeat").keys() == before
    redis_client.set("go", 1)


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("backend", ["redis", "redis_multi_queue"])
def test_no_page_crashes_on_what_resqd_writes(
    ruby: Beside, redis_url: str, redis_client: redis.Redis, backend: str
) -> None:
    """Every tab answers with jobs running and with failures of the worst kind, before and after Requeue of each."""
    if reason := why_not("resque", "resque/server", "rack/test"):
        pytest.skip(reason)
    redis_client.sadd("resque:queues", "mail")
    redis_client.rpush("resque:queue:mail", *HOSTILE)
    wait_for(lambda: failures(redis_client) == len(HOSTILE), what="all failed")
    if backend == "redis_multi_queue":
        redis_client.rename("resque:failed", "resque:mail_failed")
        redis_client.sadd("resque:failed_queues", "mail_failed", "other_failed")
    hold(redis_url, redis_client, 3)
    shown = ruby(
        PAGES
        + """
      ALL.each { |path| page path }
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
    if "Actively Running" in shown["working"]:
        assert "3 Job(s) Actively Running" in shown["working"]
    redis_client.set("go", 1)


@pytest.mark.usefixtures("daemon")
def test_requeue_on_the_page_runs_the_job_again(
    ruby: Beside, redis_url: str, redis_client: redis.Redis
) -> None:
    """The button on the Failed page puts the job back as resqd can run it, with its id."""
    if reason := why_not("resque", "resque/server", "rack/test"):
        pytest.skip(reason)
    app = App(redis_url)
    job_id = app.enqueue_to("mail", "Files::Fail", 7)
    wait_for(lambda: failures(redis_client) == 1, what="failed once")
    ruby(PAGES + "page '/failed/requeue/0'")
    wait_for(lambda: ran(redis_client) == [[7], [7]], what="ran again")
    wait_for(lambda: app.failures.find(str(job_id)).generation == 2 or None, what="recorded again")
    app.store.close()


@pytest.mark.usefixtures("daemon")
def test_kill_on_the_page_ends_the_job(ruby: Beside, redis_url: str, redis_client: redis.Redis) -> None:
    """The fork's button on the Working page ends that one job, as DirtyExit; its siblings run on."""
    if reason := why_not("resque", "resque/server", "rack/test"):
        pytest.skip(reason)
    hold(redis_url, redis_client, 2)
    killed = ruby(
        PAGES
        + """
      exit! unless FORK
      Resque.heartbeat_interval = 0.1
      thread, job = Resque.jobs_running.find { |_t, j| j['payload']['args'] == [0] }
      page("/kill/#{thread}", :post)
      puts 1
    """
    )
    if killed is None:
        pytest.skip("stock Resque's page has no Kill button")
    wait_for(lambda: failures(redis_client) == 1, what="killed")
    record = json.loads(cast("bytes", redis_client.lindex("resque:failed", 0)))
    assert (record["payload"]["args"], record["exception"]) == ([0], "DirtyExit")
    redis_client.set("go", 1)
