"""Putting jobs on queues, over lean connections."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from resqd.store.keys import Keys, to_bytes
from resqd.store.scripts import PUSH, PackedKeys, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.links import Links

PUSH_CHUNK: Final = 2_000
"""Payloads in one call; Lua's unpack takes fewer than 8,000, and others wait on Redis while a call runs."""

KNOWN_QUEUES: Final = 1_000
"""Names of queues whose packed keys are kept for the next push."""


class Pusher:
    """Appends to queues. Names are text; payloads are bytes, kept exactly."""

    def __init__(self, links: Links, keys: Keys) -> None:
        self._links = links
        self._keys = keys
        self._packed: dict[str, PackedKeys] = {}

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        """Append payloads in order and enter the queue's name; how many were pushed. Errors: StoreError."""
        name, keys = to_bytes(queue), self._keys_of(queue)
        source = iter(raws)
        pushed = 0
        while chunk := list(islice(source, PUSH_CHUNK)):
            self._links.run_script(ScriptCall(PUSH, keys, (name, *chunk)))
            pushed += len(chunk)
        return pushed

    def _keys_of(self, queue: str) -> PackedKeys:
        packed = self._packed.get(queue)
        if packed is None:
            if len(self._packed) >= KNOWN_QUEUES:
                self._packed.clear()
            packed = self._packed[queue] = PackedKeys.of(self._keys.queues, self._keys.queue(queue))
        return packed
