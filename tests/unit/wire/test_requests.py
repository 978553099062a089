"""The control protocol's bytes: what is a call, what is refused, what is no call at all."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resqd.errors import ProtocolError
from resqd.wire.requests import (
    ARGUMENTS,
    CALL_LIMIT,
    REPLY_LIMIT,
    Call,
    CallDecoder,
    ReplyDecoder,
    encode_call,
    encode_reply,
    fault,
    refusal,
)

HUGE_TEXT = b"\xdb\x7f\xff\xff\xff"  # a header that announces 2 GiB
HUGE_ARRAY = b"\x81\xa7command\xdd\x7f\xff\xff\xff"


@pytest.mark.parametrize("command", sorted(ARGUMENTS))
def test_call_survives_in_pieces(command: str) -> None:
    """A call that arrives byte by byte is the call that was sent, and is there with its last byte only."""
    call = Call(command, {name: kind(7) for name, kind in ARGUMENTS[command].items()})
    data, decoder = encode_call(call), CallDecoder()
    assert [decoder.feed(data[at : at + 1]) for at in range(len(data))] == [None] * (len(data) - 1) + [call]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xc1",
        b"\x91" * 5000,
        b"\x81" * 5000,
        HUGE_ARRAY,
        msgpack.packb(["status"]),
        msgpack.packb({"command": 7}),
        msgpack.packb({"command": "kill", "job_id": [1]}),
        msgpack.packb({"command": "kill", "job_id": b"\xff"}),
        msgpack.packb({1: 2}),
        msgpack.packb({str(n): n for n in range(17)}),
        msgpack.packb({"command": "ping"}) * 2,
        msgpack.packb({"command": msgpack.Timestamp(1)}),
    ],
)
def test_what_is_no_call_raises_one_error(data: bytes) -> None:
    """Bytes that are no call raise ProtocolError, whatever is wrong with them."""
    with pytest.raises(ProtocolError):
        CallDecoder().feed(data)


@pytest.mark.parametrize("command", ["pause", "resume", "drain"])
def test_waiting_may_be_left_out(command: str) -> None:
    """What is confirmed by the workers takes `wait`, a number, and does not need it."""
    assert fault(Call(command, {})) is None
    assert fault(Call(command, {"wait": 0})) is None
    assert fault(Call(command, {"wait": "0"})) == f"{command} does not take wait='0'"
    assert fault(Call("stop", {"wait": 0})) == "stop does not take wait=0"


@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_else(data: bytes) -> None:
    """No input makes the decoder raise anything but ProtocolError."""
    try:
        CallDecoder().feed(data)
    except ProtocolError:
        return


def test_a_call_longer_than_the_limit_is_refused() -> None:
    """A client that announces 2 GiB and begins to send them is refused at CALL_LIMIT bytes."""
    decoder = CallDecoder()
    assert decoder.feed(HUGE_TEXT) is None
    assert decoder.feed(b"x" * (CALL_LIMIT - len(HUGE_TEXT))) is None  # the last that is kept
    with pytest.raises(ProtocolError):
        decoder.feed(b"x" * (len(HUGE_TEXT) + 1))


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (Call("dance", {}), "unknown command 'dance'"),
        (Call("kill", {}), "kill needs job_id"),
        (Call("scale", {}), "scale needs to or delta"),
        (Call("scale", {"to": 1, "delta": 1}), "scale needs to or delta"),
        (Call("scale", {"to": "1"}), "scale does not take to='1'"),
        (Call("scale", {"to": True}), "scale does not take to=True"),
        (Call("ping", {"x": 1}), "ping does not take x=1"),
        (Call("kill", {"job_id": ""}), "an empty id names no job"),
        (Call("kill", {"job_id": " \t"}), "an empty id names no job"),
        (Call("kill", {"job_id": "a\nb"}), "this is no job's id: give it as `resqctl status` shows it"),
    ],
)
def test_fault_names_what_is_wrong(call: Call, why: str) -> None:
    """A call that is well formed but makes no sense is refused with its reason."""
    assert fault(call) == why


def test_sensible_calls_have_no_fault() -> None:
    """Calls as resqctl makes them are in order."""
    calls = [
        Call("status", {}),
        Call("kill", {"job_id": "x"}),
        Call("scale", {"to": 3}),
        Call("scale", {"delta": -1}),
    ]
    assert [fault(call) for call in calls] == [None] * len(calls)


def test_refusal_is_one_line() -> None:
    """Whatever the reason was, it arrives on one line."""
    assert refusal("no\n such\tfile") == {"ok": False, "error": "no such file"}


def test_reply_survives_in_pieces() -> None:
    """A reply comes out as it went in, text that is not UTF-8 included."""
    reply = {"ok": True, "status": {"redis": "a\udcff\ud800b", "workers": [{"index": 0}] * 1000}}
    data, decoder = encode_reply(reply), ReplyDecoder()
    middle = len(data) // 2
    assert decoder.feed(data[:middle]) is None
    assert decoder.feed(data[middle:]) == reply


def test_reply_that_cannot_be_sent_becomes_a_refusal() -> None:
    """A number beyond 64 bits, or a value of no known kind, is no reason for the master's turn to fail."""
    for value in (1 << 70, object()):
        reply = ReplyDecoder().feed(encode_reply({"ok": True, "value": value}))
        assert reply is not None
        assert not reply["ok"]


def test_reply_too_long_becomes_a_refusal() -> None:
    """An answer beyond the limit is not sent; the client hears why."""
    reply = ReplyDecoder().feed(encode_reply({"ok": True, "text": "x" * REPLY_LIMIT}))
    assert reply is not None
    assert not reply["ok"]
    assert "too long" in reply["error"]


@pytest.mark.parametrize(
    "data", [b"\xc1", msgpack.packb([1]), msgpack.packb({"ok": 1}), encode_reply({"ok": True}) * 2]
)
def test_what_is_no_reply_raises(data: bytes) -> None:
    """resqctl does not believe a reply without a clear `ok`."""
    with pytest.raises(ProtocolError):
        ReplyDecoder().feed(data)
