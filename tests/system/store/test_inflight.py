"""The owner's side of jobs in flight, against a real server."""

import pytest
import redis

from resqd.store.inflight.calls import RESERVE
from resqd.store.inflight.owner import Failure, Outbox, Return, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import MAIL, numbered, payloads, push, queued, reserve, seq_of


def test_jobs_are_acknowledged_failed_returned_and_counted(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Each kind of outcome reaches its place, both stats count for all and for the worker, no key stays."""
    push(redis_client, "mail", *numbered(5))
    owner = make_owner()
    batch = reserve(owner, Want(5, MAIL))
    assert payloads(batch) == numbered(5)
    tokens = [token for token, _, _ in batch]
    outbox = Outbox(
        done=tokens[:2],
        failed=[Failure(tokens[2], b"record", (Keys().failed,)), Failure(tokens[3], None)],
        returned=[Return(tokens[4])],
    )
    result = owner.exchange(outbox)
    assert (result.processed, result.failed, result.returned) == (4, 2, 1)
    assert not outbox
    assert redis_client.get("resque:stat:processed") == b"4"
    assert redis_client.get("resque:stat:processed:host:1:mail:1:1:1") == b"4"
    assert redis_client.get("resque:stat:failed") == b"2"
    assert redis_client.get("resque:stat:failed:host:1:mail:1:1:1") == b"2"
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
    assert queued(redis_client) == numbered(5)[4:]
    assert redis_client.smembers("resque:queues") == {b"mail"}
    assert owner.close([]).returned == 0
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]


def test_a_failure_goes_to_every_list_and_names_its_queue(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """A record may go to several lists, and the queue's own list is named in the set of failed queues."""
    push(redis_client, "mail", b"x")
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    keys = Keys()
    failure = Failure(token, b"record", (keys.failed, keys.failed_queue("mail")), "mail_failed")
    owner.exchange(Outbox(failed=[failure]))
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
    assert redis_client.lrange("resque:mail_failed", 0, -1) == [b"record"]
    assert redis_client.smembers("resque:failed_queues") == {b"mail_failed"}


def test_repeated_outcomes_count_nothing_twice(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """The same outbox sent again, as after a lost reply, leaves stats, failed and the queue as they are."""
    push(redis_client, "mail", *numbered(3))
    owner = make_owner()
    done, failed, returned = (token for token, _, _ in reserve(owner, Want(3, MAIL)))
    for expected in ((2, 1, 1), (0, 0, 0)):
        outbox = Outbox([done], [Failure(failed, b"r", (Keys().failed,))], [Return(returned)])
        result = owner.exchange(outbox)
        assert (result.processed, result.failed, result.returned) == expected
    assert redis_client.get("resque:stat:processed") == b"2"
    assert redis_client.llen("resque:failed") == 1
    assert queued(redis_client) == numbered(3)[2:]


def test_queues_are_emptied_in_strict_order_within_their_limits(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """The first queue gives all it has or may before the next gives one."""
    push(redis_client, "a", b"a1", b"a2", b"a3")
    push(redis_client, "b", b"b1", b"b2", b"b3")
    push(redis_client, "c", b"c1")
    owner = make_owner()
    queues = (("a", 0), ("none", 0), ("b", 2), ("c", 0))
    batch = reserve(owner, Want(9, queues))
    assert [(queue, payload) for _, queue, payload in batch] == [
        ("a", b"a1"), ("a", b"a2"), ("a", b"a3"), ("b", b"b1"), ("b", b"b2"), ("c", b"c1"),
    ]  # fmt: skip
    assert queued(redis_client, "b") == [b"b3"]


def test_many_queues_are_emptied_in_strict_order_too(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Among 200 queues, most of them empty and one broken, every job comes, in the order of the queues."""
    for index in (0, 3, 49, 50, 51, 120, 199):
        push(redis_client, f"q{index}", b"%d" % index, b"%d" % index)
    redis_client.set("resque:queue:q110", "not a list")
    owner = make_owner()
    result = owner.exchange(Outbox(), Want(500, tuple((f"q{index}", 0) for index in range(200))))
    assert payloads(result.batch) == [
        b"%d" % index for index in (0, 3, 49, 50, 51, 120, 199) for _ in range(2)
    ]
    assert result.skipped == ("q110",)


def test_a_new_list_of_queues_replaces_the_old_one(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """What is kept packed between calls follows the queues and limits that are asked for."""
    push(redis_client, "a", *numbered(9))
    push(redis_client, "b", *numbered(9))
    owner = make_owner()
    assert len(reserve(owner, Want(9, (("a", 1),)))) == 1
    assert len(reserve(owner, Want(9, (("a", 3),)))) == 3
    assert {queue for _, queue, _ in reserve(owner, Want(2, (("b", 0), ("a", 0))))} == {"b"}


def test_the_byte_budget_bounds_a_batch(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """Large payloads end a batch early; one larger than the whole budget still comes, alone."""
    push(redis_client, "mail", *([b"x" * 1000] * 100))
    owner = make_owner()
    assert 4 <= len(reserve(owner, Want(100, MAIL, byte_budget=4000))) <= 8
    assert len(reserve(owner, Want(100, MAIL, byte_budget=10))) == 1


def test_an_empty_answer_does_not_consume_the_sequence_number(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Polling empty queues writes nothing."""
    owner = make_owner(fork=1)
    assert reserve(owner, Want(5, MAIL)) == []
    assert reserve(owner, Want(5, MAIL)) == []
    assert seq_of(redis_client, 1) == b"0"
    push(redis_client, "mail", b"x")
    [(token, _, _)] = reserve(owner, Want(5, MAIL))
    assert token == 1 << 16


def test_a_batch_of_twenty_thousand_jobs_is_whole(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """No limit of Lua on arguments loses a job, on any way in or out."""
    push(redis_client, "mail", *numbered(20_000))
    owner = make_owner()
    batch = reserve(owner, Want(20_000, MAIL, byte_budget=1 << 30))
    assert payloads(batch) == numbered(20_000)
    tokens = [token for token, _, _ in batch]
    outbox = Outbox(
        done=tokens[:8_500],
        failed=[Failure(token, b"r", (Keys().failed,)) for token in tokens[8_500:9_000]],
        returned=[Return(token) for token in tokens[9_000:18_000]],
    )
    result = owner.exchange(outbox)
    assert (result.processed, result.failed, result.returned) == (9_000, 500, 9_000)
    assert queued(redis_client) == numbered(20_000)[9_000:18_000]
    assert owner.close([]).returned == 2_000
    assert queued(redis_client) == numbered(20_000)[18_000:] + numbered(20_000)[9_000:18_000]


def test_returned_jobs_stand_in_their_old_order_before_newer_ones(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Jobs of several batches and queues go back to the fronts of their queues, first reserved first."""
    push(redis_client, "a", b"1", b"2", b"3")
    push(redis_client, "b", b"4")
    owner = make_owner()
    queues = (("a", 0), ("b", 0))
    batch = [job for _ in range(4) for job in reserve(owner, Want(1, queues))]
    push(redis_client, "a", b"5")
    redis_client.delete("resque:queues")
    owner.exchange(Outbox(returned=[Return(token) for token, _, _ in reversed(batch)]))
    assert queued(redis_client, "a") == [b"1", b"2", b"3", b"5"]
    assert queued(redis_client, "b") == [b"4"]
    assert redis_client.smembers("resque:queues") == {b"a", b"b"}


def test_outcomes_in_any_order_remove_exactly_their_jobs(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Scattered tokens of several batches, some of them twice, are each removed once."""
    push(redis_client, "mail", *numbered(300))
    owner = make_owner()
    tokens = [token for _ in range(3) for token, _, _ in reserve(owner, Want(100, MAIL))]
    done = tokens[::-3] + tokens[50:61] + tokens[99:101]
    assert owner.exchange(Outbox(done + done[:5])).processed == len(set(done))
    assert owner.close([]).returned == 300 - len(set(done))
    left = [payload for token, payload in zip(tokens, numbered(300), strict=True) if token not in done]
    assert queued(redis_client) == left


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "*", "{}", "a:b", "5:x", "\udcff\udcfe", "ключ", "%d"]
)
def test_any_name_of_a_queue_works(make_owner: OwnerMaker, redis_client: redis.Redis, name: str) -> None:
    """Names with separators, wildcards, or bytes that are not UTF-8 come back as they are, and so do payloads."""
    raw = name.encode("utf-8", "surrogateescape")
    redis_client.rpush(b"resque:queue:" + raw, b"\x00\xff7:{")
    owner = make_owner()
    [(token, queue, payload)] = reserve(owner, Want(1, ((name, 0),)))
    assert (queue, payload) == (name, b"\x00\xff7:{")
    owner.exchange(Outbox(returned=[Return(token)]))
    assert redis_client.lrange(b"resque:queue:" + raw, 0, -1) == [b"\x00\xff7:{"]
    assert redis_client.smembers("resque:queues") == {raw}


def test_closing_twice_is_harmless(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """It may be repeated after a lost reply; closing puts what is left back in order."""
    push(redis_client, "mail", *numbered(4))
    owner = make_owner(fork=1)
    reserve(owner, Want(3, MAIL))
    assert seq_of(redis_client, 1) == b"1"
    assert [owner.close([]).returned, owner.close([]).returned] == [3, 0]
    assert queued(redis_client) == numbered(4)
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]


def test_the_good_bye_counts_the_last_successes(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """One step acknowledges what is done, puts the rest back, and leaves no trace."""
    push(redis_client, "mail", *numbered(5))
    owner = make_owner(fork=1)
    done = [token for token, _, _ in reserve(owner, Want(5, MAIL))][::2]
    closed = owner.close(done)
    assert (closed.processed, closed.returned, done) == (3, 2, [])
    assert queued(redis_client) == numbered(5)[1::2]
    assert redis_client.get("resque:stat:processed") == b"3"
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]


def test_what_no_queue_takes_back_waits_for_recovery(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """The queue's key has become something else: the job stays in flight, fenced, until it can be recovered."""
    push(redis_client, "mail", *numbered(2))
    owner = make_owner(fork=1)
    [done, _] = [token for token, _, _ in reserve(owner, Want(2, MAIL))]
    redis_client.set("resque:queue:mail", "text")
    closed = owner.close([done])
    assert (closed.processed, closed.returned) == (1, 0)
    redis_client.delete("resque:queue:mail")
    [left] = recovery.incarnations(DAEMON)
    assert recovery.recover(left, {}).requeued == 1
    assert queued(redis_client) == numbered(2)[1:]


def test_an_owner_registers_whatever_scripts_the_server_knows(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """Where the script that reserves is known and the one that registers is not, they run the other way round."""
    push(redis_client, "mail", *numbered(2))
    redis_client.script_flush()
    redis_client.script_load(RESERVE.source)
    owner = make_owner(fork=1, known=False)
    assert payloads(reserve(owner, Want(2, MAIL))) == numbered(2)
    assert redis_client.hlen(Keys().index(DAEMON)) == 1
    owner.close([])


def test_suspects_are_taken_from_their_list_and_return_there(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """An owner of suspects takes no queue's jobs; what it returns, leaves or dies with waits as a suspect again."""
    push(redis_client, "mail", b"normal")
    suspects = [b'4:mail{"a":1}', b'3:low{"b":1}', b'4:mail{"c":1}']
    redis_client.rpush(Keys().suspects(DAEMON), *suspects)
    owner = make_owner(source="suspects", fork=5)
    [(token, queue, payload)] = reserve(owner, Want(1, MAIL))
    assert (queue, payload) == ("mail", b'{"a":1}')
    owner.exchange(Outbox(returned=[Return(token)]))
    assert redis_client.lrange(Keys().suspects(DAEMON), 0, -1) == suspects
    assert payloads(reserve(owner, Want(2))) == [b'{"a":1}', b'{"b":1}']
    assert owner.close([]).returned == 2
    owner = make_owner(source="suspects", fork=6)
    assert len(reserve(owner, Want(9))) == 3
    assert recovery.recover(incarnation(6), {}).requeued == 3
    assert redis_client.lrange(Keys().suspects(DAEMON), 0, -1) == suspects
    assert queued(redis_client) == [b"normal"]
