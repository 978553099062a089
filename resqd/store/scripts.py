"""The Lua scripts, loaded from this package's files, and their calls in Redis's wire format."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from resqd.store.keys import to_bytes

Argument = bytes | str | int


def pack(arguments: Iterable[Argument]) -> bytes:
    """Arguments as Redis reads them, without the line that counts them; names keep bytes that are not UTF-8."""
    parts = []
    for argument in arguments:
        if isinstance(argument, bytes):
            data = argument
        elif isinstance(argument, str):
            data = to_bytes(argument)
        else:
            data = b"%d" % argument
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def pack_command(command: Sequence[Argument]) -> bytes:
    """One command as Redis reads it."""
    return b"*%d\r\n%b" % (len(command), pack(command))


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script; `sha1` is the name under which the server keeps it."""

    name: str
    source: str
    sha1: str

    @classmethod
    def load(cls, name: str, *preludes: str) -> Script:
        """The script in `NAME.lua`, after the functions in the preludes' files."""
        source = "\n".join(_read(part) for part in (*preludes, name))
        return cls(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class PackedKeys:
    """A script's keys, packed once and used for many calls; `data` begins with their number."""

    count: int
    data: bytes

    @classmethod
    def of(cls, *keys: str) -> PackedKeys:
        """Packs the keys."""
        return cls(len(keys), pack((len(keys), *keys)))


class ScriptCall:
    """One call of a script: the EVALSHA command, packed, and what it needs where the server does not know it."""

    __slots__ = ("packed", "script")

    def __init__(self, script: Script, keys: PackedKeys, arguments: Sequence[Argument] = ()) -> None:
        self.script = script
        count = 3 + keys.count + len(arguments)
        head = b"$7\r\nEVALSHA\r\n$40\r\n%b" % script.sha1.encode()
        self.packed = b"*%d\r\n%b\r\n%b%b" % (count, head, keys.data, pack(arguments))


def _read(name: str) -> str:
    return files("resqd.store").joinpath(f"{name}.lua").read_text("utf-8")


REGISTER = Script.load("register")
ACKNOWLEDGE = Script.load("acknowledge", "tokens")
FAIL = Script.load("fail", "entries", "records", "tokens")
RECORD = Script.load("record", "entries", "records", "tokens")
FIELDS = Script.load("fields", "tokens")
RETURN = Script.load("return", "entries", "tokens")
RESERVE = Script.load("reserve", "entries", "tokens", "batch")
RESERVE_SUSPECTS = Script.load("reserve_suspects", "entries", "tokens", "batch")
CLOSE = Script.load("close", "entries", "records", "tokens")
RECOVER = Script.load("recover", "entries", "records", "tokens")
INSPECT = Script.load("inspect", "entries", "tokens")
COUNT_SUSPECTS = Script.load("count_suspects", "entries")
RELEASE = Script.load("release", "entries")
HEARTBEAT = Script.load("heartbeat")
FORGET = Script.load("forget")
