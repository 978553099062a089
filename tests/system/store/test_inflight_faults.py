"""Jobs in flight when things go wrong: lost replies, late copies, fences, keys of wrong types."""

from collections.abc import Callable

import pytest
import redis

from resqd.errors import Fenced, StoreError, StoreUnavailable
from resqd.store.inflight import calls
from resqd.store.inflight import recovery as recovering
from resqd.store.inflight.calls import RESERVE
from resqd.store.inflight.owner import Failure, Outbox, Return, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall
from tests.support.waiting import wait_for
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, numbered, payloads, push, queued, reserve, seq_of


def lose_next_reply(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed between the next send and its reply. The server knows the scripts by then."""
    scripts = [
        one for module in (calls, recovering) for one in vars(module).values() if isinstance(one, Script)
    ]
    link.pipeline([("SCRIPT", "LOAD", one.source) for one in scripts])

    def cut() -> None:
        monkeypatch.undo()
        link.close()
        raise ConnectionError("cut")

    monkeypatch.setattr(link._connection, "read", cut)


def test_a_lost_reply_brings_the_same_batch_again(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A connection cut between request and reply costs nothing: tokens, queues and payloads come as they were."""
    push(redis_client, "mail", *numbered(700))
    push(redis_client, "low", *numbered(900))
    link = open_link()
    owner = make_owner(over=link, fork=1)
    lose_next_reply(link, monkeypatch)
    want = Want(1500, (("mail", 0), ("low", 0)))
    with pytest.raises(StoreUnavailable):
        owner.exchange(Outbox(), want)
    wait_for(lambda: seq_of(redis_client, 1) == b"1")
    push(redis_client, "mail", b"newer")
    batch = reserve(owner, want)
    assert [token for token, _, _ in batch] == [1 << 16 | i for i in range(1500)]
    assert [queue for _, queue, _ in batch] == ["mail"] * 700 + ["low"] * 800
    assert payloads(batch) == numbered(700) + numbered(800)
    assert payloads(reserve(owner, Want(1, MAIL))) == [b"newer"]


def test_a_lost_answer_to_the_good_bye_is_no_fence(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Said again, it finds nothing left to count or to put back, and says no error."""
    push(redis_client, "mail", *numbered(2))
    link = open_link()
    owner = make_owner(over=link, fork=1)
    done = [token for token, _, _ in reserve(owner, Want(2, MAIL))][:1]
    lose_next_reply(link, monkeypatch)
    with pytest.raises(StoreUnavailable):
        owner.close(done)
    assert len(done) == 1
    assert owner.close(done).processed == 0
    assert redis_client.get("resque:stat:processed") == b"1"
    assert queued(redis_client) == numbered(2)[1:]


def test_a_good_bye_after_recovery_says_so(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """The job that was done will run again: that is not kept quiet."""
    push(redis_client, "mail", *numbered(1))
    owner = make_owner(fork=1)
    done = [token for token, _, _ in reserve(owner, Want(1, MAIL))]
    recovery.recover(incarnation(1), {})
    with pytest.raises(Fenced):
        owner.close(done)
    assert queued(redis_client) == numbered(1)


@pytest.mark.parametrize("known", [False, True])
def test_a_first_request_may_be_said_again(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """A lost answer to it brings the same batch, whether the server had registered us before or did it with this."""
    push(redis_client, "mail", *numbered(3))
    link = open_link()
    owner = make_owner(over=link, fork=1, known=known)
    lose_next_reply(link, monkeypatch)
    with pytest.raises(StoreUnavailable):
        owner.exchange(Outbox(), Want(2, MAIL))
    assert payloads(reserve(owner, Want(2, MAIL))) == numbered(2)
    assert queued(redis_client) == numbered(3)[2:]


def test_a_batch_whose_reply_was_lost_comes_even_when_none_is_wanted(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An owner that is paused after a lost reply still learns of the jobs that it holds, and takes no others."""
    push(redis_client, "mail", *numbered(2))
    link = open_link()
    owner = make_owner(over=link, fork=1)
    lose_next_reply(link, monkeypatch)
    with pytest.raises(StoreUnavailable):
        owner.exchange(Outbox(), Want(1, MAIL))
    wait_for(lambda: seq_of(redis_client, 1) == b"1")
    assert payloads(owner.exchange(Outbox()).batch) == numbered(1)
    assert owner.exchange(Outbox()).batch == []
    assert queued(redis_client) == numbered(2)[1:]


def test_a_lost_reply_to_outcomes_is_repeated_without_harm(
    make_owner: OwnerMaker,
    open_link: Callable[[], Link],
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The outbox stays whole when the connection breaks; sending it again counts every job once."""
    push(redis_client, "mail", *numbered(3))
    link = open_link()
    owner = make_owner(over=link)
    tokens = [token for token, _, _ in reserve(owner, Want(3, MAIL))]
    outbox = Outbox(tokens[:1], [Failure(tokens[1], b"r", (Keys().failed,))], [Return(tokens[2])])
    lose_next_reply(link, monkeypatch)
    with pytest.raises(StoreUnavailable):
        owner.exchange(outbox)
    assert len(outbox.done) == len(outbox.failed) == len(outbox.returned) == 1
    wait_for(lambda: queued(redis_client))
    owner.exchange(outbox)
    assert not outbox
    assert redis_client.get("resque:stat:processed") == b"2"
    assert redis_client.llen("resque:failed") == 1
    assert queued(redis_client) == numbered(3)[2:]


def late_copy(link: Link, fork: int, seq: int) -> None:
    keys = PackedKeys.of(Keys().inflight(DAEMON, f"e0.{fork}"), MAIL_KEY)
    link.run_script(ScriptCall(RESERVE, keys, (seq, 10, 1 << 20, len("resque:queue:"), "")))


def test_a_late_copy_of_a_reserve_takes_nothing(
    make_owner: OwnerMaker, link: Link, redis_client: redis.Redis
) -> None:
    """A copy of an older request is refused, one of the latest answers with what is held; jobs stay queued."""
    push(redis_client, "mail", *numbered(5))
    owner = make_owner(fork=1)
    reserve(owner, Want(1, MAIL))
    reserve(owner, Want(1, MAIL))
    with pytest.raises(StoreError, match="STALE"):
        late_copy(link, 1, 1)
    late_copy(link, 1, 2)
    assert queued(redis_client) == numbered(5)[2:]


def test_every_request_of_a_fenced_owner_is_refused(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """After recovery the old owner can neither take, acknowledge, fail nor return; its jobs are in their queue."""
    push(redis_client, "mail", *numbered(2))
    owner = make_owner(fork=1)
    (first, _, _), _second = reserve(owner, Want(2, MAIL))
    recovery.recover(incarnation(1), {})
    parts = (
        Outbox(done=[first]),
        Outbox(failed=[Failure(first, b"r", (Keys().failed,))]),
        Outbox(returned=[Return(first)]),
    )
    for outbox in parts:
        with pytest.raises(Fenced):
            owner.exchange(outbox)
    with pytest.raises(Fenced):
        reserve(owner, Want(1, MAIL))
    assert queued(redis_client) == numbered(2)
    assert not redis_client.exists("resque:failed", "resque:stat:processed")


def test_a_key_of_a_wrong_type_is_skipped_and_named(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """One broken queue stops neither the queues before it nor those after it."""
    redis_client.set("resque:queue:broken", "not a list")
    push(redis_client, "a", b"a")
    push(redis_client, "z", b"z")
    owner = make_owner()
    result = owner.exchange(Outbox(), Want(5, (("a", 0), ("broken", 0), ("z", 0))))
    assert payloads(result.batch) == [b"a", b"z"]
    assert result.skipped == ("broken",)
    result = owner.exchange(Outbox(), Want(5, (("broken", 0),)))
    assert (result.batch, result.skipped) == ([], ("broken",))


def test_a_job_stays_in_flight_when_its_queue_is_of_a_wrong_type(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """What no queue takes is not dropped: it moves as soon as the key is a list again."""
    push(redis_client, "mail", *numbered(2))
    owner = make_owner()
    first, second = (token for token, _, _ in reserve(owner, Want(2, MAIL)))
    redis_client.set(MAIL_KEY, "not a list")
    outbox = Outbox(done=[first], returned=[Return(second)])
    assert owner.exchange(outbox).returned == 0
    assert owner.look() == {second}
    redis_client.delete(MAIL_KEY)
    assert owner.close([]).returned == 1
    assert queued(redis_client) == numbered(2)[1:]


def test_a_counter_of_a_wrong_type_costs_no_job(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """Acknowledging works although a stat is not a number."""
    push(redis_client, "mail", b"x")
    redis_client.set("resque:stat:processed", "many")
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    assert owner.exchange(Outbox([token])).processed == 1


def test_scripts_that_the_server_forgot_are_loaded_again(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """After SCRIPT FLUSH, as after a restart, the same exchange succeeds."""
    push(redis_client, "mail", *numbered(2))
    owner = make_owner()
    [(token, _, _)] = reserve(owner, Want(1, MAIL))
    redis_client.script_flush()
    result = owner.exchange(Outbox([token]), Want(1, MAIL))
    assert result.processed == 1
    assert payloads(result.batch) == numbered(2)[1:]
