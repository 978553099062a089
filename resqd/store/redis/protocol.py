"""What goes to Redis and what comes back: packed commands and calls of Lua scripts, and what an error reply means."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pkgutil import get_data
from typing import Final

from resqd.errors import Fenced, LoginRefused, StoreError, StoreRefused, StoreUnavailable
from resqd.store.names import to_bytes

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


_SEAM: Final = "\n"


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script in parts, which many scripts share; `sha1` is the name under which the server keeps it."""

    name: str
    parts: tuple[str, ...]
    sha1: str

    @classmethod
    def load(cls, name: str, *preludes: str) -> Script:
        """The script in `NAME.lua` of the store, after the functions in the preludes' files, each file once."""
        return cls.of(name, *(_read(part) for part in dict.fromkeys((*preludes, name))))

    @classmethod
    def of(cls, name: str, *parts: str) -> Script:
        """The script that these parts make, one after another."""
        sha1 = hashlib.sha1(_SEAM.join(parts).encode(), usedforsecurity=False).hexdigest()
        return cls(name, parts, sha1)

    @property
    def source(self) -> str:
        """All of its text."""
        return _SEAM.join(self.parts)


@dataclass(frozen=True, slots=True)
class PackedKeys:
    """A script's keys, packed once and used for many calls; `data` begins with their number."""

    count: int
    data: bytes

    @classmethod
    def of(cls, *keys: str | bytes) -> PackedKeys:
        """Packs the keys."""
        return cls(len(keys), pack((len(keys), *keys)))

    @classmethod
    def joined(cls, parts: Iterable[PackedKeys]) -> PackedKeys:
        """Keys that were packed in parts."""
        several = list(parts)
        count = sum(part.count for part in several)
        return cls(count, pack((count,)) + b"".join([_without_number(part.data) for part in several]))


def _without_number(data: bytes) -> bytes:
    """Packed keys without their number, which stands in the first two lines."""
    return data[data.index(b"\r\n", data.index(b"\r\n") + 2) + 2 :]


class ScriptCall:
    """One call of a script: the EVALSHA command, packed, and what it needs where the server does not know it."""

    __slots__ = ("packed", "script")

    def __init__(self, script: Script, keys: PackedKeys, arguments: Sequence[Argument] = ()) -> None:
        self.script = script
        count = 3 + keys.count + len(arguments)
        head = b"$7\r\nEVALSHA\r\n$40\r\n%b" % script.sha1.encode()
        self.packed = b"*%d\r\n%b\r\n%b%b" % (count, head, keys.data, pack(arguments))


def missing_keys(reply: object) -> list[bytes]:
    """The keys that a script missed among its KEYS, as it says before it has changed anything; mostly none."""
    return reply[1:] if isinstance(reply, list) and reply and reply[0] == b"UNNAMED" else []


@cache
def _read(name: str) -> str:
    data = get_data("resqd.store", f"{name}.lua")
    if data is None:
        raise FileNotFoundError(f"the importer of resqd.store cannot read {name}.lua")
    return data.decode()


_LATER = {
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
}
_REFUSED = {"DENIED", "NOPERM"}
_LATER_TEXTS = ("max number of clients",)
_REFUSED_TEXTS = (
    "ACL failure in script",
    "can't run this command",
    "unknown command",
)
_NO_PASSWORD = "it wants a password: put it into REDIS_URL, as in redis://:PASSWORD@HOST:PORT/DB"  # noqa: S105 - a sentence
_WRONG_PASSWORD = "it does not take the password, or the user, of REDIS_URL"  # noqa: S105 - a sentence
_NEEDS_NONE = "it has no password set: take the one in REDIS_URL out, or set requirepass there"
_NO_DATABASE = (
    "it has no such database: the number at the end of REDIS_URL must be below its setting `databases`"
)
_LOGIN_TEXTS: Final = {
    "NOAUTH": _NO_PASSWORD,
    "Authentication required": _NO_PASSWORD,
    "called without any password configured": _NEEDS_NONE,
    "WRONGPASS": _WRONG_PASSWORD,
    "invalid username-password pair": _WRONG_PASSWORD,
    "DB index is out of range": _NO_DATABASE,
    "invalid DB index": _NO_DATABASE,
    "Invalid Database": _NO_DATABASE,
}
"""What a server, or redis-py for it, says when it does not let us in, and what is to be done about it."""
_INNER_CODE = re.compile(r"-([A-Z]+) ")  # Redis 6.2 wraps what a script's command answered
_PAYLOAD_LIMIT = 300


class ServerError(Exception):
    """An error reply; `code` is its first word and `text` the whole line."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.text = line.splitlines()[0][:_PAYLOAD_LIMIT] if line else "an empty error"
        self.code = self.text.partition(" ")[0]


def judge(error: ServerError) -> StoreError:
    """The error to raise for a reply: try later, needs a person, fenced, or plainly wrong."""
    inner = _INNER_CODE.search(error.text)
    codes = {error.code, inner.group(1) if inner else ""}
    if error.code == "FENCED":
        return Fenced("Redis says that recovery took this incarnation's jobs")
    if (login := login_refused(error.text)) is not None:
        return login
    if codes & _REFUSED or any(text in error.text for text in _REFUSED_TEXTS):
        return StoreRefused(f"Redis refuses us: {error.text}")
    if codes & _LATER or any(text in error.text for text in _LATER_TEXTS):
        return StoreUnavailable(f"Redis cannot answer now: {error.text}")
    return StoreError(f"Redis answered: {error.text}")


def login_refused(text: str) -> LoginRefused | None:
    """The error for what a server says when it does not let us in, with the remedy; None for anything else."""
    remedy = next((remedy for said, remedy in _LOGIN_TEXTS.items() if said in text), None)
    return None if remedy is None else LoginRefused(f"Redis refuses us: {remedy}")
