"""Two applications on one queue: neither fails the other's jobs, nor is held up by them."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.knowers import KEPT, Knowers
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

KEYS = Keys()
CODE = """
import os, resqd
app = resqd.App(name={name!r})

@app.job(queue="q", name={job!r})
def work(tag):
    with open(os.environ["JOURNAL"], "a") as journal:
        journal.write("{name} " + tag + "\\n")
"""


@contextmanager
def shop(name: str, job: str, *, folder: Path, url: str, flags: tuple[str, ...] = ()) -> Iterator[Daemon]:
    """A daemon of an application of that name, with one job, once it has told what it knows."""
    home = folder / name
    home.mkdir()
    (home / f"{name}_app.py").write_text(CODE.format(name=name, job=job))
    client = redis.Redis.from_url(url)
    before = client.hlen(KEYS.classes)
    environ = {"REDIS_URL": url, "JOURNAL": str(folder / "journal"), "PYTHONPATH": str(home)}
    shape = ("--preset", "throughput", "--name", name, "--app", f"{name}_app:app")
    with Daemon(*shape, *flags, folder=home, environ=environ) as daemon:
        wait_for(lambda: client.hlen(KEYS.classes) > before, 20, what=f"{name} has told its jobs")
        yield daemon


def push(client: redis.Redis, name: str, *tags: str) -> None:
    client.sadd(KEYS.queues, "q")
    client.rpush(KEYS.queue("q"), *(json.dumps({"class": name, "args": [tag], "id": tag}) for tag in tags))


def noted(folder: Path) -> list[str]:
    journal = folder / "journal"
    return sorted(journal.read_text().split("\n")[:-1]) if journal.exists() else []


def test_jobs_of_two_applications_on_one_queue_all_run_once(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """Each by its own; a class that nobody knows fails as ever, and so does all with UNKNOWN_JOB=fail."""
    mails, posts = [f"m{i}" for i in range(5)], [f"p{i}" for i in range(5)]
    expected = sorted([f"mailer {tag}" for tag in mails] + [f"poster {tag}" for tag in posts])
    with ExitStack() as stack:
        stack.enter_context(shop("mailer", "Mail", folder=tmp_path, url=redis_url))
        other = stack.enter_context(shop("poster", "Post", folder=tmp_path, url=redis_url))
        for mail, post in zip(mails, posts, strict=True):
            push(redis_client, "Mail", mail)
            push(redis_client, "Post", post)
        push(redis_client, "Nobody", "n")
        other.wait_for_line("hold jobs of mailer too")
        wait_for(lambda: redis_client.llen(KEYS.failed) == 1, 10, what="what nobody knows fails")
        wait_for(lambda: noted(tmp_path) == expected, 60, what="all have run")
    assert redis_client.llen(KEYS.failed) == 1
    assert not redis_client.exists(KEYS.later, KEYS.queue("q"))


def test_a_job_is_kept_for_an_application_that_is_away(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """It has told its classes before; with UNKNOWN_JOB=fail the job fails at once. A long queue is no spin."""
    with shop("mailer", "Mail", folder=tmp_path, url=redis_url):
        pass
    with shop("poster", "Post", folder=tmp_path, url=redis_url) as daemon:
        began = time.monotonic()
        push(redis_client, "Mail", *(f"m{i}" for i in range(500)))
        push(redis_client, "Post", "own")
        wait_for(lambda: noted(tmp_path) == ["poster own"], 30, what="our own job runs behind 500 others")
        assert time.monotonic() - began > 0.5, "each of them holds its thread up"
        jobs = redis_client.hvals(KEYS.later_jobs)
        assert any(b'{"passed":1,"class": "Mail"' in job for job in jobs), jobs[:1]
        assert not redis_client.exists(KEYS.failed)
        assert daemon.stop() == 0
        assert not redis_client.exists(KEYS.failed), "a stop kills none of them"
    redis_client.delete(KEYS.later, KEYS.later_jobs, KEYS.queue("q"))
    with shop("strict", "Pack", folder=tmp_path, url=redis_url, flags=("--unknown-job", "fail")):
        push(redis_client, "Mail", "m")
        wait_for(lambda: redis_client.llen(KEYS.failed) == 1, 10, what="it fails at once")


@pytest.fixture
def knowers(redis_url: str) -> Iterator[Knowers]:
    link = Link(ConnectionConfig.from_url(redis_url))
    yield Knowers(link, KEYS)
    link.close()


def test_what_was_told_outlives_a_daemon_and_not_its_successor(
    knowers: Knowers, redis_client: redis.Redis
) -> None:
    """Ruby's workers count while they beat; what is too much to tell counts as anything."""
    redis_client.hset(KEYS.daemons, "host/a:1", 1)
    knowers.publish("host/a:1", app="shop", queues=["q", "m*"], classes=["Mail"])
    knowers.publish("host/b:1", app="big", queues=["*"], classes=map(str, range(3_000)))
    redis_client.sadd(KEYS.workers, "ruby:1:q", "old:2:*", "dead:3:q")
    redis_client.hset(KEYS.heartbeats, "ruby:1:q", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    redis_client.hset(KEYS.heartbeats, "dead:3:q", "2020-01-01T00:00:00Z")
    found = {(each.app, each.queues): each.classes for each in knowers.look()}
    assert found == {
        ("shop", ("q", "m*")): {"Mail"},
        ("big", ("*",)): None,
        ("", ("q",)): None,
        ("", ("*",)): None,
    }
    redis_client.delete(KEYS.workers, KEYS.daemons)
    assert len(knowers.look()) == 2
    for life in ("host/a:1", "host/b:1"):
        redis_client.hincrby(KEYS.classes_left, life, -1_000)
    assert {each.app for each in knowers.look() if each.away >= 1_000} == {"shop", "big"}
    knowers.publish("host/a:2", app="shop", queues=["q"], classes=["Post"])
    assert [each.classes for each in knowers.look() if each.app == "shop"] == [frozenset({"Post"})]
    redis_client.hincrby(KEYS.classes_left, "host/b:1", -KEPT)
    assert [each.app for each in knowers.look()] == ["shop"]
    assert redis_client.hkeys(KEYS.classes) == [b"host/a:2"]
