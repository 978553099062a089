"""What a job owes is settled by whatever ends it, in the same script, and by nothing else."""

import json
from collections.abc import Callable
from typing import cast

import pytest
import redis

from resqd.app import App
from resqd.store import debts
from resqd.store.debts import Debt, Debts, owed_by, settle_call
from resqd.store.inflight import calls
from resqd.store.inflight import recovery as recovering
from resqd.store.inflight.owner import Dismiss, Failure, Inflight, Outbox, Postpone, Return, Want
from resqd.store.inflight.recovery import Charge, Convict, Recovery, Verdict
from resqd.store.keys import Keys
from resqd.store.later import later as later_scripts
from resqd.store.later.later import Later, When
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import Script
from resqd.store.resque import glimpses, queues
from tests.system.store.conftest import OwnerMaker, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, push, queued, reserve
from tests.system.store.test_declared_keys import guarded

KEYS = Keys()
FINGERPRINT = "f" * 32
DEBTS: Debts = (Debt("unique", f"{FINGERPRINT} id"),)
JOB = b'{"resqd":{"owes":{"unique":"%b id"}},"class":"Noop","args":[],"id":"id"}' % FINGERPRINT.encode()
PLAIN = b'{"class":"Noop","args":[1]}'


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each script fail that touches another key than its KEYS."""
    for module in (debts, calls, recovering, later_scripts, queues, glimpses):
        for name, value in list(vars(module).items()):
            if isinstance(value, Script):
                monkeypatch.setattr(module, name, guarded(value))


@pytest.fixture
def locked(redis_client: redis.Redis) -> Callable[[], bool]:
    """Locks the job, and tells whether it is locked."""
    redis_client.hset(KEYS.unique, FINGERPRINT, "1 id")
    redis_client.hset(KEYS.unique, "another", "1 id")

    def look() -> bool:
        assert redis_client.hget(KEYS.unique, "another") == b"1 id"
        return bool(redis_client.hexists(KEYS.unique, FINGERPRINT))

    return look


def taken(client: redis.Redis, make_owner: OwnerMaker, job: bytes = JOB) -> tuple[Inflight, int]:
    push(client, "mail", job)
    owner = make_owner(fork=1)
    [(token, _, raw)] = reserve(owner, Want(1, MAIL))
    assert owed_by(raw) == (DEBTS if job == JOB else ())
    return owner, token


ENDS: dict[str, Callable[[int], Outbox]] = {
    "done": lambda token: Outbox(dismissed=[Dismiss(token, "done", debts=DEBTS)]),
    "discarded": lambda token: Outbox(dismissed=[Dismiss(token, "discarded", debts=DEBTS)]),
    "expired": lambda token: Outbox(dismissed=[Dismiss(token, "expired", debts=DEBTS)]),
    "failed": lambda token: Outbox(failed=[Failure(token, b"{}", (KEYS.failed,), debts=DEBTS)]),
    "counted": lambda token: Outbox(failed=[Failure(token, None, debts=DEBTS)]),
}


@pytest.mark.parametrize("end", ENDS)
def test_each_end_in_a_worker_settles(
    end: str, redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool]
) -> None:
    owner, token = taken(redis_client, make_owner)
    owner.exchange(ENDS[end](token))
    assert not locked()


@pytest.mark.parametrize("end", ENDS)
def test_a_repeated_end_does_not_settle_again(
    end: str, redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool]
) -> None:
    """As when the answer was lost: by then the job may have been requeued, with the same ticket."""
    owner, token = taken(redis_client, make_owner)
    owner.exchange(ENDS[end](token))
    redis_client.hset(KEYS.unique, FINGERPRINT, "2 id")
    owner.exchange(ENDS[end](token))
    assert locked()


def test_a_failure_whose_record_no_list_takes_settles_once(
    redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool]
) -> None:
    redis_client.set(KEYS.failed, "no list")
    owner, token = taken(redis_client, make_owner)
    owner.exchange(ENDS["failed"](token))
    assert not locked()


def test_the_lock_of_another_job_stays(
    redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool]
) -> None:
    redis_client.hset(KEYS.unique, FINGERPRINT, "2 id~2")
    owner, token = taken(redis_client, make_owner)
    owner.exchange(ENDS["done"](token))
    assert locked()


def test_what_goes_back_or_later_settles_nothing(
    redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool], link: Link
) -> None:
    owner, token = taken(redis_client, make_owner)
    owner.exchange(Outbox(returned=[Return(token)]))
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    owner.exchange(Outbox(postponed=[Postpone(token, 0.0, "retry", "id", "id")]))
    Later(link, KEYS).promote()
    [raw] = queued(redis_client)
    assert owed_by(raw) == DEBTS
    assert locked()


def test_the_end_of_a_worker_settles_nothing_for_what_goes_back(
    redis_client: redis.Redis, make_owner: OwnerMaker, locked: Callable[[], bool]
) -> None:
    owner, _ = taken(redis_client, make_owner)
    owner.close([])
    assert queued(redis_client) == [JOB]
    assert locked()


@pytest.mark.parametrize("verdict", [Charge(), Convict(b"{}", (KEYS.failed,), debts=DEBTS)])
def test_recovery_settles_for_convicts_only(
    verdict: Verdict,
    redis_client: redis.Redis,
    make_owner: OwnerMaker,
    recovery: Recovery,
    locked: Callable[[], bool],
) -> None:
    _, token = taken(redis_client, make_owner)
    recovery.recover(incarnation(1), {token: verdict})
    assert locked() == isinstance(verdict, Charge)


def test_cancelling_settles_also_for_what_came_under_the_ticket_meanwhile(
    redis_client: redis.Redis, link: Link, locked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_client.hset(KEYS.later_jobs, "id", b"4:mail" + PLAIN)
    redis_client.zadd(KEYS.later, {"id": 5})
    later = Later(link, KEYS)
    assert later.cancel(["id", "none"]) == 1
    assert locked()

    redis_client.hset(KEYS.later_jobs, "id", b"4:mail" + JOB)
    redis_client.zadd(KEYS.later, {"id": 5})
    real, times = link.run_script, [0]

    def changing(call: object) -> object:
        times[0] += 1
        if times[0] == 2:  # between the look and the act: it was tried once more
            redis_client.hset(KEYS.later_jobs, "id", b'4:mail{"deliveries":0,"attempts":1,' + JOB[1:])
        return real(call)  # type: ignore[arg-type] # a ScriptCall

    monkeypatch.setattr(link, "run_script", changing)
    assert later.cancel(["id"]) == 1
    assert times == [4]
    assert not locked()
    assert not redis_client.exists(KEYS.later, KEYS.later_jobs)


def test_jobs_that_are_put_off_settle_nothing(link: Link, locked: Callable[[], bool]) -> None:
    later = Later(link, KEYS)
    link.call("HSET", KEYS.later_jobs, "id", b"4:mail" + JOB)
    link.call("ZADD", KEYS.later, 5, "id")
    assert later.move(["id"], When.after(60)) == 1
    assert later.run_now(["id"]) == 1
    assert locked()


@pytest.mark.parametrize("command", ["clear", "remove"])
def test_a_queue_that_is_removed_settles_for_all_its_jobs(
    command: str, redis_client: redis.Redis, redis_url: str
) -> None:
    count = 2_500
    for number in range(count):
        member = f"{number:032} id{number}"
        payload = {"resqd": {"owes": {"unique": member}}, "class": "Noop", "args": []}
        redis_client.hset(KEYS.unique, member[:32], f"1 id{number}")
        redis_client.rpush(MAIL_KEY, json.dumps(payload, separators=(",", ":")), PLAIN)
    redis_client.hset(KEYS.unique, "another", "1 id")
    redis_client.rpush("resque:resqd:removed:mail", JOB)  # left behind
    redis_client.hset(KEYS.unique, FINGERPRINT, "1 id")
    books = App(redis_url).store.books.queues
    assert getattr(books, command)("mail") == 2 * count
    assert redis_client.hkeys(KEYS.unique) == [b"another"]
    assert not redis_client.keys("resque:queue:*") + cast("list[bytes]", redis_client.keys("*removed*"))
    assert getattr(books, command)("mail") == 0


def test_dequeueing_settles(redis_client: redis.Redis, redis_url: str, locked: Callable[[], bool]) -> None:
    push(redis_client, "mail", PLAIN)
    books = App(redis_url).store.books.queues
    assert books.delete("mail", lambda raw: raw == JOB) == 0
    assert locked()
    push(redis_client, "mail", JOB)
    assert books.delete("mail", lambda raw: raw == JOB) == 1
    assert not locked()
    assert queued(redis_client) == [PLAIN]


def test_a_job_that_a_page_deletes_settles(
    redis_client: redis.Redis, redis_url: str, locked: Callable[[], bool]
) -> None:
    push(redis_client, "mail", PLAIN, JOB)
    pages = App(redis_url).store.books.glimpses
    plain, owing = pages.look(MAIL_KEY, 0, 2)
    assert pages.drop("mail", 0, plain.digest)
    assert locked()
    assert pages.drop("mail", 1, owing.digest)
    assert not pages.drop("mail", 1, owing.digest)
    assert not locked()


def test_a_lock_until_the_start_goes_when_the_job_begins(link: Link, locked: Callable[[], bool]) -> None:
    link.run_script(settle_call("begun", [DEBTS, ()], KEYS))
    assert locked()
    link.run_script(settle_call("begun", [(Debt("start", DEBTS[0].member),)], KEYS))
    assert not locked()


def test_a_key_of_another_type_costs_no_job(redis_client: redis.Redis, make_owner: OwnerMaker) -> None:
    redis_client.set(KEYS.unique, "no hash")
    owner, token = taken(redis_client, make_owner)
    assert owner.exchange(ENDS["done"](token)).processed == 1
