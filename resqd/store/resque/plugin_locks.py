"""The locks of resque-loner and resque_solo, by which Ruby producers enqueue a job once while it waits.

Whoever takes a job off its queue must delete its lock, else they never enqueue it again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from resqd.errors import PayloadError
from resqd.store.inflight.tokens import COUNTED
from resqd.store.names import to_bytes
from resqd.store.resque import payload as payloads
from resqd.store.resque.ruby_json import ruby_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLUGINS = ("loners", "solo")


class PluginLocks:
    """The names of jobs' locks. A digest for each job is what they cost, so it is done only where it is asked for."""

    def __init__(self, namespace: str) -> None:
        self._heads = [to_bytes(f"{namespace}:{plugin}:queue:") for plugin in _PLUGINS]

    def __call__(self, queue: bytes, raws: Iterable[bytes]) -> list[bytes]:
        """The keys to delete for payloads that were taken off a queue. Never raises.

        One that was charged for a crash had begun, so its lock went then; another job may hold it now.
        """
        digests = (digest(raw) for raw in raws if not raw.startswith(COUNTED))
        return [
            head + queue + b":job:" + found for found in digests if found is not None for head in self._heads
        ]


def digest(raw: bytes) -> bytes | None:
    """What both plugins make of a payload's class and arguments; None where they would make nothing of it."""
    try:
        value = payloads.load(raw)
        if (
            type(value) is not dict
            or type(value.get("class")) is not str
            or type(value.get("args")) is not list
        ):
            return None
        args = [sorted(arg.items()) if type(arg) is dict else arg for arg in value["args"]]
        text = ruby_json({"class": value["class"], "args": args})
    except PayloadError:
        return None
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
