"""How suspects are taken and how jobs that had begun are given up, against a real server."""

import pytest
import redis

from resqd.store.inflight.owner import Outbox, Return, Want
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import MAIL, forgiven, numbered, payloads, push, queued, reserve

SUSPECTS = Keys().suspects(DAEMON)


def test_suspects_of_closed_queues_stay_where_they_are(
    make_owner: OwnerMaker, redis_client: redis.Redis
) -> None:
    """The others are taken in order, equal ones too, and the retry after a lost reply brings the same."""
    entries = [b"4:slowa", b"4:mailb", b"3:lowc", b"4:slowd", b"3:lowc", b"4:maile"]
    redis_client.rpush(SUSPECTS, *entries)
    owner = make_owner(source="suspects")
    assert payloads(reserve(owner, Want(2, closed=("slow", "low")))) == [b"b", b"e"]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:slowa", b"3:lowc", b"4:slowd", b"3:lowc"]
    assert payloads(reserve(owner, Want(1, closed=("slow",)))) == [b"c"]
    assert redis_client.lrange(SUSPECTS, 0, -1) == [b"4:slowa", b"4:slowd", b"3:lowc"]
    assert payloads(reserve(owner, Want(9, closed=("slow", "low")))) == []
    assert payloads(reserve(owner, Want(9))) == [b"a", b"d", b"c"]


@pytest.mark.parametrize("times", [0, 1])
def test_a_job_that_had_begun_counts_when_it_is_given_up(
    make_owner: OwnerMaker, redis_client: redis.Redis, times: int
) -> None:
    """It goes back one recovery dearer; what had not begun keeps every byte."""
    jobs = forgiven(2, times) if times else numbered(2)
    push(redis_client, "mail", *jobs)
    owner = make_owner()
    [first, second] = [token for token, _, _ in reserve(owner, Want(2, MAIL))]
    assert owner.exchange(Outbox(returned=[Return(first, begun=True), Return(second)])).returned == 2
    assert queued(redis_client) == [forgiven(1, times + 1)[0], jobs[1]]


def test_a_job_that_is_given_up_too_often_is_left_to_recovery(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> None:
    """So are what cannot be counted, and a suspect: a verdict on them is due."""
    jobs = [*forgiven(1, 2), b"[1]"]
    push(redis_client, "mail", *jobs)
    owner = make_owner(fork=1)
    tokens = [token for token, _, _ in reserve(owner, Want(2, MAIL))]
    redis_client.rpush(SUSPECTS, b"4:mailx")
    suspect = make_owner(fork=2, source="suspects")
    tokens += [token for token, _, _ in reserve(suspect, Want(1))]
    for one, given in ((owner, tokens[:2]), (suspect, tokens[2:])):
        assert one.exchange(Outbox(returned=[Return(token, begun=True) for token in given])).returned == 0
    assert (queued(redis_client), redis_client.llen(SUSPECTS)) == ([], 0)
    left = [held.payload for held in recovery.inspect(incarnation(1), tokens[:2]).held.values()]
    assert left == jobs
