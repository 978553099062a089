"""`resqd explain`'s facts, from a real server: each reason made real."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from resqd.explain import reasons as explained
from resqd.explain.facts import Facts
from resqd.explain.reasons import JobFacts, of_job, of_queue
from resqd.store.inflight.owner import Outbox, Want
from resqd.store.keys import Keys
from resqd.store.later.later import When
from resqd.store.names import WorkerId
from resqd.store.redis.link import Link
from resqd.store.resque.pauses import Note
from resqd.store.resque.registry import Registry, RunningJob
from resqd.store.resque.store import Store
from tests.system.store.conftest import DAEMON, OwnerMaker, beat

RAW = b'{"class":"A","args":[],"id":"%s"}'


@pytest.fixture
def store(redis_url: str) -> Store:
    return Store.of(url=redis_url, namespace="resque")


def reasons(store: Store, name: str, now: Callable[[], float] = time.time) -> list[str]:
    return [reason.name for reason in of_queue(Facts(store, here=None, now=now).of_queue(name))]


def where(store: Store, job_id: str) -> list[str]:
    facts = Facts(store, here=None, now=time.time)
    return [reason.name for reason in of_job(facts.of_job(job_id) or JobFacts(job_id))]


def registry(link: Link, keys: Keys, *queues: str) -> Registry:
    worker_id = WorkerId.build(
        host="host.example", pid=1, queues=queues, worker_count=1, thread_count=1, jobs_per_fork=1
    )
    made = Registry(
        link=link,
        keys=keys,
        life=f"{DAEMON}:e0",
        worker_id=worker_id.text,
        beats_every=2.0,
        registers_every=10.0,
    )
    made.heartbeat(register=True)
    return made


def test_a_queue_is_explained(store: Store, link: Link, keys: Keys, redis_client: redis.Redis) -> None:
    """Never seen, unheard, served, all threads busy, paused, full, silent, and no list."""
    assert reasons(store, "mail") == ["unknown", "unheard", "empty"]
    store.push("mail", [RAW % b"a1", RAW % b"a2"])
    assert reasons(store, "mail") == ["unheard"]
    own = registry(link, keys, "ma*")
    assert reasons(store, "mail") == ["served"]
    own.publish([RunningJob(1, 0, 7, "mail", time.time(), RAW % b"a0")])
    assert reasons(store, "mail") == ["busy"]
    store.books.pauses.pause("mail", Note("ada", time.time(), "deploy"))
    assert reasons(store, "mail") == ["paused", "busy"]
    store.books.pauses.resume("mail")
    assert reasons(store, "mail", lambda: time.time() + 99) == ["silent"]
    redis_client.set("resque:queue:odd", "no list")
    redis_client.sadd("resque:queues", "odd")
    assert reasons(store, "odd") == ["wrong_type"]


def test_a_full_cap_is_named(
    store: Store, link: Link, keys: Keys, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """By the jobs that run."""
    store.push("mail", [RAW % b"a1", RAW % b"a2"])
    make_owner().exchange(Outbox(), Want(1, (("mail", 0),)))
    beat(redis_client, f"{DAEMON}:e0")
    own = registry(link, keys, "mail:1", "other")
    own.publish([RunningJob(1, 0, 7, "mail", time.time(), RAW % b"a1")])
    [capped] = of_queue(Facts(store, here=None, now=time.time).of_queue("mail"))
    assert (capped.name, "A a1" in capped.says) == ("capped", True)


def test_a_job_is_explained(
    store: Store, link: Link, keys: Keys, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Gone, later, waiting, in flight, running, among the suspects, failed."""
    assert where(store, "a1") == ["gone"]
    store.schedule.put("mail", [("a0", RAW % b"a0")], When.after(60))
    assert where(store, "a0") == ["later"]
    store.push("mail", [RAW % b"a1", RAW % b"a2"])
    assert where(store, "a2") == ["waiting", "unheard"]
    make_owner().exchange(Outbox(), Want(1, (("mail", 0),)))
    beat(redis_client, f"{DAEMON}:e0")
    assert where(store, "a1") == ["in_flight"]
    own = registry(link, keys, "mail")
    own.publish([RunningJob(1, 0, 7, "mail", time.time(), RAW % b"a1")])
    assert where(store, "a1") == ["running"]
    redis_client.rpush(keys.suspects(DAEMON), b"4:mail" + RAW % b"a3")
    assert where(store, "a3") == ["suspect"]
    redis_client.rpush(
        keys.failed,
        b'{"failed_at":"2026/01/01","payload":%s,"exception":"E","error":"x","queue":"mail"}' % (RAW % b"a4"),
    )
    assert where(store, "a4") == ["failed"]


def test_the_daemon_of_this_host_says_that_it_is_paused(store: Store, link: Link, keys: Keys) -> None:
    """Where it listens to the queue; Redis does not tell it."""
    store.push("mail", [RAW % b"a1"])
    registry(link, keys, "mail")
    here = {"state": "paused", "pause_reasons": ["command"], "settings": {"queues": ["mail", "low:2"]}}
    told = Facts(store, here=here, now=time.time).of_queue("mail")
    assert [reason.name for reason in of_queue(told)] == ["daemon_paused", "served"]
    assert told.here == "paused by command"
    assert Facts(store, here=here, now=time.time).of_queue("other").here == ""


def test_all_queues_are_paused_by_a_key(
    store: Store, link: Link, keys: Keys, redis_client: redis.Redis
) -> None:
    """As stock Resque's pages and resque-pause do it; the key is named."""
    store.push("mail", [RAW % b"a1"])
    registry(link, keys, "mail")
    for key, value in (("pause-all-workers", "true"), ("pause:all", "1")):
        redis_client.set(f"resque:{key}", value)
        paused = of_queue(Facts(store, here=None, now=time.time).of_queue("mail"))[0]
        assert (paused.name, key in paused.says, paused.stops) == ("all_paused", True, True)
        redis_client.delete(f"resque:{key}")


def test_a_job_that_a_silent_daemon_holds_is_named_with_its_holder(
    store: Store, link: Link, keys: Keys, make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """And for how long nobody has heard of that."""
    store.push("mail", [RAW % b"a1"])
    make_owner().exchange(Outbox(), Want(1, (("mail", 0),)))
    beat(redis_client, f"{DAEMON}:e0")
    host = DAEMON.partition("/")[0]
    worker = WorkerId.build(
        host=host, pid=1, queues=["mail"], worker_count=1, thread_count=1, jobs_per_fork=1
    )
    Registry(
        link=link,
        keys=keys,
        life=f"{DAEMON}:e0",
        worker_id=worker.text,
        beats_every=2.0,
        registers_every=10.0,
    ).heartbeat(register=True)
    facts = Facts(store, here=None, now=lambda: time.time() + 99).of_job("a1")
    assert facts is not None
    (silent,) = of_job(facts)
    assert (silent.name, silent.stops, DAEMON in silent.says) == ("holder_silent", True, True)
    assert (
        "silent for 99 s" in silent.says
        or "silent for 100 s" in silent.says
        or "silent for 98 s" in silent.says
    )
    assert "brings the job back" in silent.remedy


def test_a_job_that_is_tried_again_later_says_why(store: Store, redis_client: redis.Redis) -> None:
    """With the last error."""
    store.schedule.put("mail", [("a0", RAW % b"a0")], When.after(60))
    redis_client.hset("resque:resqd:later:attempts", "a0", b'[{"exception":"OSError","error":"no route"}]')
    facts = Facts(store, here=None, now=time.time).of_job("a0")
    assert facts is not None
    assert "after 1 failed tries, the last: OSError: no route" in of_job(facts)[0].says


def test_every_reason_there_is_was_made_real() -> None:
    """In this file, or (a limit that is full) with a daemon in test_limits.py."""
    source = Path(explained.__file__).read_text()
    names = set(re.findall(r'Reason\(\s*"([a-z_]+)"', source))
    assert len(names) == 20
    here = Path(__file__)
    tested = here.read_text() + (here.parents[1] / "test_limits.py").read_text()
    assert {name for name in names if f'"{name}"' not in tested} == set()
