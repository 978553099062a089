"""The recoverer's side, against a real server."""

import threading
from collections.abc import Callable

import redis

from resqd.store.inflight.owner import Outbox, Want
from resqd.store.inflight.recovery import (
    Charge,
    Convict,
    Forgive,
    Isolate,
    Recovered,
    Recovery,
    Suspect,
    Verdict,
    Waiting,
)
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from tests.system.store.conftest import DAEMON, OwnerMaker, beat, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, numbered, push, queued, reserve

SUSPECTS = Keys().suspects(DAEMON)


def test_each_job_goes_where_its_verdict_says(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """Unnamed jobs go back uncharged, charged ones dearer in their place, suspects aside, convicts to failed."""
    push(redis_client, "mail", *numbered(6))
    owner = make_owner(fork=3)
    tokens = [token for _ in range(2) for token, _, _ in reserve(owner, Want(3, MAIL))]
    redis_client.delete("resque:queues")
    keys = Keys()
    verdicts: dict[int, Verdict] = {
        tokens[1]: Charge(),
        tokens[2]: Suspect(),
        tokens[4]: Convict(b"record", (keys.failed, keys.failed_queue("mail")), "mail_failed"),
        99 << 16: Convict(b"not in flight", (keys.failed,)),
    }
    assert recovery.recover(incarnation(3), verdicts) == Recovered(requeued=4, suspected=1, convicted=1)
    jobs = numbered(6)
    assert queued(redis_client) == [jobs[0], b'{"deliveries":1,' + jobs[1][1:], jobs[3], jobs[5]]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b'4:mail{"deliveries":1,' + jobs[2][1:]]
    assert redis_client.lrange("resque:failed", 0, -1) == [b"record"]
    assert redis_client.lrange("resque:mail_failed", 0, -1) == [b"record"]
    assert redis_client.get("resque:stat:failed") == b"1"
    assert redis_client.smembers("resque:queues") == {b"mail"}
    assert recovery.incarnations(DAEMON) == []
    assert recovery.recover(incarnation(3), verdicts) == Recovered()
    assert redis_client.llen("resque:failed") == 1


def test_the_index_and_the_jobs_of_the_dead_can_be_read(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """A recoverer sees who is registered, and queue, payload and deliveries of the tokens that it asks for."""
    push(redis_client, "mail", b'{"deliveries":2,"class":"X"}', b"y")
    owner = make_owner(fork=1)
    make_owner(fork=2)
    (first, _, _), (second, _, _) = reserve(owner, Want(2, MAIL))
    assert sorted(recovery.incarnations(DAEMON), key=lambda one: one.fork) == [incarnation(1), incarnation(2)]
    found = recovery.inspect(incarnation(1), [second, first, 7 << 16])
    counted = ("mail", b'{"deliveries":2,"class":"X"}', (2, 0), 0)
    assert (found.probation, found.held) == (False, {first: counted, second: ("mail", b"y", None, 0)})
    assert recovery.inspect(incarnation(1), []).held == {}
    [short] = recovery.inspect(incarnation(1), [first], most=10).held.values()
    assert short == ("mail", b'{"deliveri', (0, 0), 18)


def test_an_inspection_finds_what_is_near_its_verdict(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """Unasked: jobs whose next loss may decide, payloads that cannot be counted, and all that probation holds."""
    near = [
        b'{"deliveries":0,"recoveries":2,"class":"X"}',
        b'{"deliveries":4,"recoveries":1,"class":"X"}',
        b"[1]",
    ]
    far = [b'{"class":"X"}', b'{"deliveries":0,"recoveries":1,"class":"X"}', b'{"deliveries":2,"class":"X"}']
    push(redis_client, "mail", *near, *far)
    reserve(make_owner(fork=1), Want(9, MAIL))
    assert [held.payload for held in recovery.inspect(incarnation(1), [], patience=3).held.values()] == near
    assert recovery.inspect(incarnation(1), []).held == {}
    redis_client.rpush(SUSPECTS, b"4:mail" + far[0])
    reserve(make_owner(fork=2, source="suspects"), Want(1))
    found = recovery.inspect(incarnation(2), [], patience=3)
    assert (found.probation, [held.payload for held in found.held.values()]) == (True, far[:1])


def test_a_loss_without_a_charge_is_counted_beside_the_deliveries(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """By verdict, or for all that have none; to the queue, or to the suspects."""
    charged = b'{"deliveries":1,"class":"X"}'
    push(redis_client, "mail", *numbered(3), charged)
    tokens = [token for token, _, _ in reserve(make_owner(fork=1), Want(9, MAIL))]
    recovery.recover(incarnation(1), {tokens[0]: Forgive(), tokens[1]: Isolate(), tokens[2]: Charge()})
    jobs = numbered(3)
    forgiven = b'{"deliveries":0,"recoveries":1,'
    assert queued(redis_client) == [forgiven + jobs[0][1:], b'{"deliveries":1,' + jobs[2][1:], charged]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:mail" + forgiven + jobs[1][1:]]
    reserve(make_owner(fork=2), Want(9, MAIL))
    recovery.recover(incarnation(2), {}, counted=True)
    assert queued(redis_client) == [
        b'{"deliveries":0,"recoveries":2,' + jobs[0][1:],
        b'{"deliveries":1,"recoveries":1,' + jobs[2][1:],
        b'{"deliveries":1,"recoveries":1,"class":"X"}',
    ]


def test_an_index_entry_that_cannot_be_read_is_still_recovered(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """The id alone is enough."""
    push(redis_client, "mail", b"x")
    reserve(make_owner(fork=1), Want(1, MAIL))
    redis_client.hset(Keys().index(DAEMON), "e0.1", "{")
    [found] = recovery.incarnations(DAEMON)
    assert (found.id, found.pid) == ("e0.1", 0)
    assert recovery.recover(found, {}).requeued == 1
    assert queued(redis_client) == [b"x"]


def test_two_recoverers_move_every_entry_once(
    make_owner: OwnerMaker, open_link: Callable[[], Link], redis_client: redis.Redis
) -> None:
    """10,000 jobs of 200 incarnations, two recoverers at once: each job is in its queue exactly once."""
    push(redis_client, "mail", *numbered(10_000))
    for fork in range(1, 201):
        reserve(make_owner(fork=fork), Want(50, MAIL))
    start = threading.Barrier(2)
    moved = [0, 0]

    def recover_all(index: int, recovery: Recovery) -> None:
        start.wait(10)
        for one in recovery.incarnations(DAEMON):
            moved[index] += recovery.recover(one, {}).requeued

    threads = [
        threading.Thread(target=recover_all, args=(index, Recovery(link=open_link(), keys=Keys())))
        for index in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(moved) == 10_000
    assert sorted(queued(redis_client)) == sorted(numbered(10_000))


def test_one_incarnation_of_ten_thousand_jobs_is_recovered_whole_and_in_order(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """No limit of Lua on arguments loses a job."""
    push(redis_client, "mail", *numbered(10_000))
    reserve(make_owner(fork=1), Want(10_000, MAIL, byte_budget=1 << 30))
    assert recovery.recover(incarnation(1), {}).requeued == 10_000
    assert queued(redis_client) == numbered(10_000)


def test_what_no_list_takes_waits_for_the_next_try(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """A queue's or failed's key of a wrong type keeps its jobs in the hash, indexed; the rest moves.

    Their verdicts hold though nobody says them again, and once though they are said twice.
    """
    push(redis_client, "bad", *numbered(2))
    push(redis_client, "mail", *numbered(2))
    owner = make_owner(fork=1)
    batch = reserve(owner, Want(4, (("bad", 0), ("mail", 0))))
    redis_client.set("resque:queue:bad", "not a list")
    redis_client.set("resque:failed", "not a list")
    verdicts: dict[int, Verdict] = {batch[1][0]: Charge(), batch[3][0]: Convict(b"r", (Keys().failed,))}
    done = recovery.recover(incarnation(1), verdicts)
    assert done == Recovered(requeued=1, convicted=1, kept=3, refusal=done.refusal)
    assert done.refusal.startswith("resque:failed: WRONGTYPE")
    assert recovery.incarnations(DAEMON) == [incarnation(1)]
    again = recovery.recover(incarnation(1), verdicts)
    assert again == Recovered(kept=3, refusal=done.refusal)
    redis_client.delete("resque:queue:bad", "resque:failed")
    assert recovery.recover(incarnation(1), {}) == Recovered(requeued=2, recorded=1)
    assert redis_client.lrange("resque:failed", 0, -1) == [b"r"]
    assert redis_client.get("resque:stat:failed") == b"1"
    assert queued(redis_client, "bad") == [numbered(1)[0], b'{"deliveries":1,' + numbered(2)[1][1:]]
    assert redis_client.keys("resque:resqd:*") == [b"resque:resqd:daemons"]


def test_suspects_are_counted_and_released_in_order(recovery: Recovery, redis_client: redis.Redis) -> None:
    """The suspects of a daemon that is gone go to the fronts of their queues as they are."""
    push(redis_client, "mail", b"newer")
    redis_client.rpush(SUSPECTS, b"4:mail1", b"3:low2", b"4:mail3")
    assert recovery.suspects_waiting(DAEMON) == Waiting(3, {})
    assert recovery.suspects_waiting(DAEMON, ["mail", "low", "other"]) == Waiting(3, {"mail": 2, "low": 1})
    assert recovery.release_suspects(DAEMON) == 3
    assert recovery.release_suspects(DAEMON) == 0
    assert recovery.suspects_waiting(DAEMON, ["mail"]) == Waiting(0, {})
    assert queued(redis_client) == [b"1", b"3", b"newer"]
    assert queued(redis_client, "low") == [b"2"]
    assert redis_client.smembers("resque:queues") == {b"mail", b"low"}


def test_suspects_whose_queue_is_of_a_wrong_type_stay(recovery: Recovery, redis_client: redis.Redis) -> None:
    """What cannot go to its queue stays in the list of suspects."""
    redis_client.set(MAIL_KEY, "not a list")
    redis_client.rpush(SUSPECTS, b"4:mail1", b"3:low2", b"4:mail3")
    assert recovery.release_suspects(DAEMON) == 1
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:mail1", b"4:mail3"]


def test_a_daemon_is_counted_and_forgotten_only_when_it_holds_nothing(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """A daemon with incarnations or suspects left stays on the list."""
    own, other = incarnation(1).life, f"{DAEMON}:other"
    beat(redis_client, own)
    assert recovery.counters() == {own: 1}
    owner = make_owner()
    assert not recovery.forget(own)
    owner.close([])
    redis_client.rpush(SUSPECTS, b"4:mail1")
    assert not recovery.forget(own)
    beat(redis_client, other)
    assert recovery.forget(own)  # another daemon of the same name takes care of the suspects
    assert not recovery.forget(other)
    recovery.release_suspects(DAEMON)
    assert recovery.forget(other)
    assert recovery.counters() == {}


def test_a_daemon_is_on_the_list_from_its_first_worker_on(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """Registering an incarnation enters its life where no heartbeat has done so, and never counts."""
    owner = make_owner()
    assert recovery.counters() == {incarnation(1).life: 0}
    beat(redis_client, incarnation(1).life)
    owner.exchange(Outbox(), Want(0))
    assert recovery.counters() == {incarnation(1).life: 1}


def test_bytes_that_are_no_entry_are_held_by_nobody(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """Somebody else's writing into the hash stops no inspection."""
    make_owner(fork=1)
    redis_client.hset(Keys().inflight(DAEMON, "e0.1"), "1.0", "garbage")
    assert recovery.inspect(incarnation(1), [1 << 16]).held == {}
    assert recovery.inspect(incarnation(1), [1 << 16], patience=1).held == {}
