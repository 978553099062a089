"""Paused queues: the keys of the Ruby plugin resque-pause, and stock Resque's key that pauses all workers."""

from __future__ import annotations

import json
import os
import pwd
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.errors import PayloadError
from resqd.store.names import to_bytes, to_text
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.store.redis.connection import Reply

ALL: Final = "pause:all"
"""Pauses everything for resque-pause, whatever it holds."""
ALL_WORKERS: Final = "pause-all-workers"
"""Pauses everything for stock Resque, where it says `true`."""
_TRUE: Final = b"true"


@dataclass(frozen=True, slots=True)
class PauseKeys:
    """The names of the keys below one namespace."""

    namespace: str = "resque"

    def queue(self, name: str) -> str:
        """What pauses one queue while it exists."""
        return f"{self.namespace}:pause:queue:{name}"

    def everything(self) -> tuple[str, str]:
        """What pauses all queues."""
        return f"{self.namespace}:{ALL}", f"{self.namespace}:{ALL_WORKERS}"


def me() -> str:
    """Who runs this process, and on which host."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user need have no name
        name = f"uid {uid}"
    return f"{name}@{socket.gethostname()}"


class Paused(NamedTuple):
    """Which queues are paused, and the key, without its namespace, that pauses them all; '' where none does."""

    queues: tuple[str, ...]
    by_key: str


@dataclass(frozen=True, slots=True)
class Note:
    """Who paused a queue, when (seconds since 1970, by the pauser's clock) and why, as far as it is told."""

    by: str | None = None
    at: float | None = None
    why: str | None = None

    def to_json(self) -> bytes:
        """What stands in the queue's key. Ruby asks only whether the key exists."""
        return json.dumps({"by": self.by, "at": self.at, "why": self.why}).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Note:
        """What a key tells; nothing where Ruby wrote it, as `true`."""
        try:
            value = payloads.load(raw)
        except PayloadError:
            return cls()
        facts: dict[str, Any] = value if isinstance(value, dict) else {}
        by, at, why = facts.get("by"), facts.get("at"), facts.get("why")
        return cls(
            by if isinstance(by, str) else None,
            float(at) if isinstance(at, int | float) and not isinstance(at, bool) else None,
            why if isinstance(why, str) else None,
        )


def look(call: Callable[..., Reply], keys: PauseKeys, queues: Sequence[str]) -> Paused:
    """What is paused of these queues, in one command of `call`, a link's. Errors: StoreError."""
    found = call("MGET", *keys.everything(), *map(keys.queue, queues))
    return understood(found, queues)


def understood(found: Sequence[bytes | None], queues: Iterable[str]) -> Paused:
    """The meaning of the values of the two keys that pause everything, and of those of the queues."""
    everything, workers, *each = found
    by_key = ALL if everything is not None else ALL_WORKERS if _says_true(workers) else ""
    return Paused(
        tuple(queue for queue, value in zip(queues, each, strict=True) if value is not None), by_key
    )


def _says_true(value: bytes | None) -> bool:
    return value is not None and value.strip().lower() == _TRUE


def queue_of(key: bytes, keys: PauseKeys) -> str:
    """The queue that a key pauses."""
    return to_text(key.removeprefix(to_bytes(keys.queue(""))))
