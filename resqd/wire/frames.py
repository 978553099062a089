"""Messages to bytes and back, without a socket: msgpack arrays `[tag, field, ...]`, bounded, one error type."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any

import msgpack

from resqd.errors import ProtocolError
from resqd.text import EXACT
from resqd.wire import messages
from resqd.wire.messages import Message

FRAME_LIMIT = 1 << 20
"""The most bytes that one undelivered message may have."""

_MESSAGES: tuple[type[Any], ...] = typing.get_args(Message)
_TAGS = {kind: tag for tag, kind in enumerate(_MESSAGES)}


def encode(message: Message) -> bytes:
    """The bytes of a message, whatever its texts hold. Errors: ProtocolError, such as for a number beyond 64 bits."""
    fields = [getattr(message, field.name) for field in dataclasses.fields(message)]
    try:
        packed: bytes = msgpack.packb([_TAGS[type(message)], *fields], default=_plain, unicode_errors=EXACT)
    except (ValueError, TypeError, OverflowError) as error:
        raise ProtocolError(f"a {type(message).__name__} cannot be sent: {error!r}") from error
    return packed


class Decoder:
    """Bytes in, messages out. Errors: ProtocolError for anything that is not a message, or too long."""

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._unpacker = msgpack.Unpacker(max_buffer_size=limit, strict_map_key=True, unicode_errors=EXACT)
        self._fed = self._read = 0
        self.rest = b""
        """The beginning of a message whose end has not come; another decoder can be fed it first."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with these bytes."""
        try:
            self._unpacker.feed(data)
            found = []
            for frame in self._unpacker:
                found.append(_message(frame))
                self._read = (
                    self._unpacker.tell()
                )  # where this frame ends; a part of the next one moves it on
        except ProtocolError:
            raise
        except (msgpack.UnpackException, msgpack.BufferFull, ValueError, TypeError) as error:
            raise ProtocolError(f"not a message: {error!r}") from error
        self._fed += len(data)
        left = self._fed - self._read
        self.rest = (self.rest + data)[-left:] if left else b""
        return found


def _plain(value: object) -> object:
    """What msgpack cannot pack by itself: a dataclass inside a message goes as the list of its fields."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    raise TypeError(f"cannot send a {type(value).__name__}")


def _message(frame: object) -> Message:
    if (
        not isinstance(frame, list)
        or not frame
        or type(frame[0]) is not int
        or not 0 <= frame[0] < len(_MESSAGES)
    ):
        raise ProtocolError("a frame without a known tag")
    message: Message = _READERS[_MESSAGES[frame[0]]](frame[1:])
    return message


def _scalar(kind: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise ProtocolError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return read


def _sequence(item: Callable[[object], object]) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise ProtocolError(f"expected a list, got {type(value).__name__}")
        return tuple(item(each) for each in value)

    return read


def _mapping(value: object) -> object:
    if not isinstance(value, dict) or not all(type(k) is str and type(v) is int for k, v in value.items()):
        raise ProtocolError("expected a map of counts")
    return value


def _record(kind: type[Any]) -> Callable[[object], object]:
    hints = typing.get_type_hints(kind, vars(messages))
    readers = [_reader(hints[field.name]) for field in dataclasses.fields(kind)]

    def read(value: object) -> object:
        if not isinstance(value, list) or len(value) != len(readers):
            raise ProtocolError(f"wrong number of fields for {kind.__name__}")
        return kind(*[reader(each) for reader, each in zip(readers, value, strict=True)])

    return read


def _reader(hint: Any) -> Callable[[object], object]:
    if isinstance(hint, types.GenericAlias):
        return _mapping if hint.__origin__ is dict else _sequence(_reader(hint.__args__[0]))
    kind: type[Any] = hint
    return _record(kind) if dataclasses.is_dataclass(kind) else _scalar(kind)


_READERS: dict[type[Any], Callable[[object], Any]] = {kind: _record(kind) for kind in _MESSAGES}
