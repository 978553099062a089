"""Jobs that run again, and ends that are neither plain successes nor failures, against a real server."""

import json
import time
from typing import Any

import pytest
import redis

from resqd.errors import Fenced
from resqd.store.inflight.owner import Dismiss, Failure, Outbox, Postpone, Want
from resqd.store.inflight.recovery import Convict, Later, Recovered, Recovery, Verdict
from resqd.store.inflight.tokens import attempts, uncounted
from resqd.store.keys import Keys
from tests.system.store.conftest import OwnerMaker, incarnation
from tests.system.store.mail import MAIL, push, queued, reserve

KEYS = Keys()


def raw(job_id: str = "a", head: str = "") -> bytes:
    return b'{%b"class":"Mail","args":[1],"id":"%b"}' % (head.encode(), job_id.encode())


def attempt(text: str) -> bytes:
    return json.dumps(
        {"began": 1.5, "error": text, "backtrace": ["x.py:1:in `f'"]}, separators=(",", ":")
    ).encode()


def later(client: redis.Redis) -> dict[bytes, bytes]:
    """Ticket to entry of all that is later; each has a time, and each that has a time is there."""
    jobs: Any = client.hgetall(KEYS.later_jobs)
    assert dues(client).keys() == jobs.keys()
    return dict(jobs)


def dues(client: redis.Redis) -> dict[bytes, float]:
    """When they are due, in seconds since 1970."""
    found: Any = client.zrange(KEYS.later, 0, -1, withscores=True)
    return {ticket: score / 1_000_000 for ticket, score in found}


def tries(client: redis.Redis, job_id: str = "a") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(client.hget(KEYS.later_attempts, job_id) or b"[]")
    return found


def test_a_retried_job_is_later_with_its_try_counted_and_kept(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Due by the server's clock; counted once however often the call is repeated; no end of the job."""
    push(redis_client, "mail", raw(head='"deliveries":2,"recoveries":1,"attempts":4,'))
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    before = time.time()
    for expected in (1, 0):
        told = Outbox(postponed=[Postpone(token, 60.0, "retry", "a", "a", "", attempt("no"))])
        result = owner.exchange(told)
        assert (result.postponed, result.processed, result.tally.retried, bool(told)) == (
            expected,
            0,
            expected,
            False,
        )
    assert later(redis_client) == {b"a": b"4:mail" + raw(head='"deliveries":2,"recoveries":1,"attempts":5,')}
    assert before + 59 < dues(redis_client)[b"a"] < time.time() + 61
    assert [each["error"] for each in tries(redis_client)] == ["no"]
    assert redis_client.get("resque:stat:retried") == b"1"
    assert redis_client.get("resque:stat:processed") is None
    assert owner.close([]).returned == 0


def test_a_snooze_counts_nothing(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """The payload keeps every byte."""
    push(redis_client, "mail", raw(head='"attempts":4,'))
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    result = owner.exchange(Outbox(postponed=[Postpone(token, 0.5, "snooze", "a", "a")]))
    assert (result.postponed, result.tally.retried) == (1, 0)
    assert later(redis_client) == {b"a": b"4:mail" + raw(head='"attempts":4,')}
    assert redis_client.get("resque:stat:retried") is None


def test_only_the_last_ten_tries_are_kept_and_one_backtrace(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Whatever an error says, it cannot be taken for a backtrace, nor end its line."""
    owner = make_owner()
    hostile = 'x,"backtrace":["y"]}\n,]'
    for turn in range(12):
        push(redis_client, "mail", raw())
        [(token, _, _)] = reserve(owner, Want(1, MAIL))
        owner.exchange(
            Outbox(postponed=[Postpone(token, 60.0, "timeout", "a", "a", "", attempt(f"{turn}{hostile}"))])
        )
    kept = tries(redis_client)
    assert [each["error"] for each in kept] == [f"{turn}{hostile}" for turn in range(2, 12)]
    assert ["backtrace" in each for each in kept] == [False] * 9 + [True]
    assert redis_client.get("resque:stat:timeout") == b"12"


def test_jobs_of_one_id_have_tickets_of_their_own(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """None overwrites another; a job without an id gets one."""
    push(redis_client, "mail", raw(), raw(), b'{"class":"Mail"}')
    owner = make_owner()
    first, second, third = (token for token, _, _ in reserve(owner, Want(3, MAIL)))
    owner.exchange(
        Outbox(
            postponed=[
                Postpone(first, 60.0, "retry", "a", "a", "", attempt("1")),
                Postpone(second, 60.0, "retry", "a", "a", "", attempt("2")),
                Postpone(third, 60.0, "retry", "new", "new", "new", attempt("3")),
            ]
        )
    )
    assert later(redis_client) == {
        b"a": b"4:mail" + raw(head='"attempts":1,'),
        b"a~2": b"4:mail" + raw(head='"attempts":1,'),
        b"new": b'4:mail{"attempts":1,"id":"new","class":"Mail"}',
    }


def test_what_is_kept_of_a_jobs_tries_goes_with_its_end(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Into the record where it fails, away where it succeeds or is discarded; each end counts once."""
    push(redis_client, "mail", *(raw(job_id, '"attempts":1,') for job_id in "abcd"))
    owner = make_owner()
    failed, done, discarded, expired = (token for token, _, _ in reserve(owner, Want(4, MAIL)))
    for job_id in "abcd":
        redis_client.hset(KEYS.later_attempts, job_id, b"[" + attempt(job_id) + b"]")
    record = b'{"exception":"ValueError"}'
    for times in (1, 0):
        result = owner.exchange(
            Outbox(
                failed=[Failure(failed, record, (KEYS.failed,), "", "a", late=True)],
                dismissed=[
                    Dismiss(done, "done", "b"),
                    Dismiss(discarded, "discarded", "c"),
                    Dismiss(expired, "expired", "d"),
                ],
            )
        )
        assert (result.processed, result.failed, result.ended) == (3 * times, times, 4 * times)
        assert result.tally == (0, times, times, times)
    [kept] = redis_client.lrange(KEYS.failed, 0, -1)
    assert json.loads(kept)["attempts"][0]["error"] == "a"
    assert not redis_client.exists(KEYS.later_attempts)
    counters = {
        name: redis_client.get(f"resque:stat:{name}")
        for name in ("processed", "failed", "discarded", "expired", "timeout")
    }
    assert counters == {
        "processed": b"3",
        "failed": b"1",
        "discarded": b"1",
        "expired": b"1",
        "timeout": b"1",
    }


def test_what_its_key_refuses_stays_in_flight(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """And is told again when the key is what it should be; a worker that dies meanwhile loses no job."""
    push(redis_client, "mail", raw())
    owner = make_owner(fork=5)
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    redis_client.set(KEYS.later, "not a sorted set")
    told = Postpone(token, 60.0, "retry", "a", "a", "", attempt("no"))
    result = owner.exchange(Outbox(postponed=[told]))
    assert (result.postponed, result.unmoved) == (0, (told,))
    assert "resqd:later" in result.refusal
    redis_client.delete(KEYS.later)
    assert owner.exchange(Outbox(postponed=[told])).postponed == 1
    recovery.recover(incarnation(5), {})
    with pytest.raises(Fenced):
        owner.exchange(Outbox(postponed=[told]))
    assert queued(redis_client) == []
    assert len(later(redis_client)) == 1


@pytest.mark.parametrize(
    "head",
    [
        "",
        '"deliveries":3,',
        '"deliveries":3,"recoveries":1,',
        '"attempts":7,',
        '"deliveries":3,"attempts":7,',
        '"attempts":"7",',
        '"attempts":7.5,',
        '"attempts":1234567890,',
        '"deliveries":1234567890,',
        '"resqd":{"timeout":5},',
    ],
)
def test_both_sides_read_the_same_number(
    make_owner: OwnerMaker, redis_client: redis.Redis, head: str
) -> None:
    """What the worker decides by is what the script counts on, also in payloads that somebody else has written."""
    before = raw(head=head)
    push(redis_client, "mail", before)
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    owner.exchange(Outbox(postponed=[Postpone(token, 60.0, "retry", "a", "a", "", attempt("no"))]))
    [entry] = later(redis_client).values()
    known, after = attempts(before), entry.removeprefix(b"4:mail")
    assert attempts(after) == (None if known is None else known + 1)
    assert uncounted(after) == uncounted(before) or known is None


def test_recovery_tries_again_what_ran_out_of_its_time(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """Or records it with its tries; in the same step as all else goes back, and never twice."""
    push(redis_client, "mail", raw("a"), raw("b", '"attempts":1,'), raw("c"))
    owner = make_owner(fork=3)
    again, ended, _ = (token for token, _, _ in reserve(owner, Want(3, MAIL)))
    redis_client.hset(KEYS.later_attempts, "b", b"[" + attempt("before") + b"]")
    verdicts: dict[int, Verdict] = {
        again: Later(Postpone(again, 60.0, "timeout", "a", "a", "", attempt("late"))),
        ended: Convict(b'{"exception":"JobTimeout"}', (KEYS.failed,), "", "b", late=True),
    }
    done = recovery.recover(incarnation(3), verdicts)
    assert done == Recovered(requeued=1, convicted=1, postponed=1)
    assert recovery.recover(incarnation(3), verdicts) == Recovered()
    assert queued(redis_client) == [raw("c")]
    assert later(redis_client) == {b"a": b"4:mail" + raw("a", '"attempts":1,')}
    assert [each["error"] for each in tries(redis_client)] == ["late"]
    [record] = redis_client.lrange(KEYS.failed, 0, -1)
    assert [each["error"] for each in json.loads(record)["attempts"]] == ["before"]
    assert not redis_client.hexists(KEYS.later_attempts, "b")
    assert redis_client.get("resque:stat:timeout") == b"2"
    assert redis_client.get("resque:stat:retried") == b"1"


def test_recovery_keeps_what_later_refuses(
    make_owner: OwnerMaker, redis_client: redis.Redis, recovery: Recovery
) -> None:
    """Until its keys can be used: then it goes back to its queue, since its verdict was said once."""
    push(redis_client, "mail", raw())
    [(token, _, _)] = reserve(make_owner(fork=3), Want(1, MAIL))
    redis_client.set(KEYS.later_jobs, "no hash")
    verdict = Later(Postpone(token, 60.0, "timeout", "a", "a", "", attempt("late")))
    done = recovery.recover(incarnation(3), {token: verdict})
    assert (done.kept, done.postponed) == (1, 0)
    assert "later:jobs" in done.refusal
    redis_client.delete(KEYS.later_jobs)
    assert recovery.recover(incarnation(3), {}) == Recovered(requeued=1)
    assert queued(redis_client) == [raw()]
