"""What resqctl and the master say to each other: one call and one reply a connection, as bounded msgpack maps.

A call is `{"command": NAME, ARGUMENT: VALUE, ...}`. A reply is `{"ok": true, ...}` or `{"ok": false, "error":
"one line"}`; beside `ok`, `status` carries `{"status": {...}}`, `stacks` carries `{"stacks": [{"worker": index,
"pid": pid, "text": text}, ...]}`. What a command adds is up to the master.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from resqd.errors import ProtocolError
from resqd.text import EXACT, id_fault

CALL_LIMIT = 64 * 1024
"""The most bytes that the master keeps of one client's call."""
REPLY_LIMIT = 4 * 1024 * 1024
"""The most bytes that a reply may have."""

_ITEMS = 16
_TEXT = 4096
_FIRST_BUFFER = 4096

ARGUMENTS: dict[str, dict[str, type]] = {
    "ping": {},
    "status": {},
    "pause": {},
    "resume": {},
    "drain": {},
    "stop": {},
    "kill-jobs": {},
    "kill": {"job_id": str},
    "scale": {"to": int, "delta": int},
    "reload": {},
    "stacks": {},
}
"""Every command with the names and types of its arguments; `scale` takes one of its two, `kill` needs its one."""
OPTIONAL: dict[str, dict[str, type]] = {name: {"wait": int} for name in ("pause", "resume", "drain")}
"""What may be left out: `wait=0` asks for an answer at once, before the workers have confirmed."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command with its arguments, decoded; `fault` says whether it makes sense."""

    command: str
    arguments: dict[str, str | int]


def fault(call: Call) -> str | None:
    """Why the call is to be refused, in one line; None where it is in order."""
    known = ARGUMENTS.get(call.command)
    if known is None:
        return f"unknown command {call.command!r}"
    optional = OPTIONAL.get(call.command, {})
    for name, value in call.arguments.items():
        if type(value) is not (known | optional).get(name):
            return f"{call.command} does not take {name}={value!r}"
    if known and len(call.arguments) != 1:
        return f"{call.command} needs {' or '.join(known)}"
    return id_fault(str(call.arguments["job_id"])) if call.command == "kill" else None


def refusal(why: str) -> dict[str, Any]:
    """The reply that refuses, with the reason on one line."""
    return {"ok": False, "error": " ".join(why.split())}


def encode_call(call: Call) -> bytes:
    """The bytes of a call."""
    return _packed({"command": call.command, **call.arguments})


def encode_reply(reply: Mapping[str, Any]) -> bytes:
    """The bytes of a reply; one that is longer than REPLY_LIMIT, or holds what cannot be sent, becomes a refusal."""
    try:
        data = _packed(dict(reply))
    except (ValueError, TypeError, OverflowError) as error:
        return _packed(refusal(f"the answer cannot be sent: {error!r}"))
    return (
        data if len(data) <= REPLY_LIMIT else _packed(refusal(f"the answer is too long ({len(data)} bytes)"))
    )


class CallDecoder:
    """One client's bytes in, its call out. Errors: ProtocolError for what is no call, too long, or more than one."""

    def __init__(self) -> None:
        # max_array_len: a header of five bytes would otherwise make msgpack allocate the array that it announces
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=CALL_LIMIT,
            read_size=_FIRST_BUFFER,
            max_array_len=0,
            max_map_len=_ITEMS,
            max_str_len=_TEXT,
            max_bin_len=0,
            max_ext_len=0,
            unicode_errors=EXACT,
        )

    def feed(self, data: bytes) -> Call | None:
        """The call, once it is complete."""
        frames = _frames(self._unpacker, data)
        if len(frames) > 1:
            raise ProtocolError("more than one call on a connection")
        return _call(frames[0]) if frames else None


class ReplyDecoder:
    """The master's bytes in, its reply out. Errors: ProtocolError for what is no reply, or too long."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker(max_buffer_size=REPLY_LIMIT, unicode_errors=EXACT)

    def feed(self, data: bytes) -> dict[str, Any] | None:
        """The reply, once it is complete."""
        frames = _frames(self._unpacker, data)
        if not frames:
            return None
        reply = frames[0]
        if len(frames) > 1 or not isinstance(reply, dict) or type(reply.get("ok")) is not bool:
            raise ProtocolError("not a reply")
        return reply


def _packed(value: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(value, unicode_errors=EXACT)
    return packed


def _frames(unpacker: Any, data: bytes) -> list[object]:
    try:
        unpacker.feed(data)
        return list(unpacker)
    except (msgpack.UnpackException, msgpack.BufferFull, ValueError, TypeError) as error:
        raise ProtocolError(f"not msgpack as resqctl speaks it: {error!r}") from error


def _call(frame: object) -> Call:
    if not isinstance(frame, dict) or type(frame.get("command")) is not str:
        raise ProtocolError("a call without a command")
    arguments = {name: value for name, value in frame.items() if name != "command"}
    if not all(type(value) in (str, int) for value in arguments.values()):
        raise ProtocolError("an argument that is neither text nor a number")
    return Call(frame["command"], arguments)
