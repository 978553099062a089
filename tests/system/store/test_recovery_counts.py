"""The counts before a payload over a real server: one spliced prefix, every other byte as it was."""

from collections.abc import Callable

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resqd.store.inflight.owner import Want
from resqd.store.inflight.recovery import (
    Charge,
    Recovery,
)
from resqd.store.inflight.tokens import counts
from resqd.store.keys import Keys
from tests.system.store.conftest import DAEMON, OwnerMaker, incarnation
from tests.system.store.mail import MAIL, MAIL_KEY, payloads, push, queued, reserve

SUSPECTS = Keys().suspects(DAEMON)


@pytest.fixture
def charged(
    make_owner: OwnerMaker, recovery: Recovery, redis_client: redis.Redis
) -> Callable[[bytes], bytes]:
    """Pushes a payload, charges it, and finds it in its queue again."""

    def charge(payload: bytes) -> bytes:
        redis_client.delete(MAIL_KEY)
        push(redis_client, "mail", payload)
        [(token, _, _)] = reserve(make_owner(fork=1), Want(1, MAIL))
        recovery.recover(incarnation(1), {token: Charge()})
        return queued(redis_client)[0]

    return charge


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"class":"X"}', b'{"deliveries":1,"class":"X"}'),
        (b'{"deliveries":1,"class":"X"}', b'{"deliveries":2,"class":"X"}'),
        (b'{"deliveries":9,"class":"X"}', b'{"deliveries":10,"class":"X"}'),
        (b'{"deliveries":1234567890,"a":1}', b'{"deliveries":1234567890,"a":1}'),
        (b'{"deliveries":1,"recoveries":2,"a":1}', b'{"deliveries":2,"recoveries":2,"a":1}'),
        (b'{"deliveries":"x","a":1}', b'{"deliveries":1,"deliveries":"x","a":1}'),
        (b'{"deliveries":3}', b'{"deliveries":1,"deliveries":3}'),
        (b'{"a":1,"deliveries":3}', b'{"deliveries":1,"a":1,"deliveries":3}'),
        (b' \t\r\n{ \n"class":"X"}', b' \t\r\n{"deliveries":1, \n"class":"X"}'),
        (b"{}", b"{}"),
        (b"{ }", b"{ }"),
        (b"[1]", b"[1]"),
        (b"null", b"null"),
        (b"", b""),
        (b"\xff\x00", b"\xff\x00"),
        (b'{"n":123456789012345678901234567890}', b'{"deliveries":1,"n":123456789012345678901234567890}'),
    ],
)
def test_a_charge_is_one_spliced_prefix(
    charged: Callable[[bytes], bytes], before: bytes, after: bytes
) -> None:
    """The count is put in or raised; all other bytes stay; what is no object with members stays as it is."""
    assert charged(before) == after


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    space=st.text(alphabet=" \t\r\n", max_size=3),
    count=st.none() | st.integers(0, 10**9 - 2),
    rest=st.binary(max_size=200),
)
def test_a_charge_raises_the_count_by_one_and_keeps_every_other_byte(
    charged: Callable[[bytes], bytes], space: str, count: int | None, rest: bytes
) -> None:
    """For any bytes after the first member's quote, with and without a count before them."""
    lead, prefix = space.encode(), b"" if count is None else b'"deliveries":%d,' % count
    payload = lead + b"{" + prefix + b'"' + rest
    before = counts(payload)
    after = charged(payload)
    assert before is not None
    assert counts(after) == (before.deliveries + 1, before.recoveries)
    if count is not None:
        assert after == lead + b'{"deliveries":%d,"' % (count + 1) + rest
    elif not before.deliveries:
        assert after == lead + b'{"deliveries":1,"' + rest


def test_payloads_of_a_batch_survive_unchanged(make_owner: OwnerMaker, redis_client: redis.Redis) -> None:
    """Bytes of every value, empty ones too, come out, and go back, as they went in."""
    odd = [bytes(range(256)), b"", b"0", b"3:abc", b'{"a":NaN}']
    push(redis_client, "mail", *odd)
    owner = make_owner()
    assert payloads(reserve(owner, Want(9, MAIL))) == odd
    owner.close([])
    assert queued(redis_client) == odd
