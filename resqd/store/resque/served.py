"""The queues that there are of those a daemon serves, and whether any has a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from resqd.store.names import is_pattern, matches, to_text

if TYPE_CHECKING:
    from resqd.store.keys import Keys

AT_ONCE: Final = 1000
"""Queues that one EXISTS asks for: ten thousand would hold Redis for milliseconds."""


class Served:
    """Reads the set of queues where some are given by patterns. `call` is a link's; it may raise a StoreError."""

    def __init__(self, *, call: Callable[..., Any], keys: Keys, queues: Sequence[str]) -> None:
        self._call = call
        self._keys = keys
        self._plain = tuple(dict.fromkeys(queue for queue in queues if not is_pattern(queue)))
        self._patterns = tuple(queue for queue in queues if is_pattern(queue))

    def names(self) -> list[str]:
        """Plain ones, whether they are in the set or not, and those of the set that match, sorted."""
        if not self._patterns:
            return list(self._plain)
        existing = sorted(to_text(name) for name in self._call("SMEMBERS", self._keys.queues))
        matching = (name for name in existing if any(matches(pattern, name) for pattern in self._patterns))
        return list(dict.fromkeys((*self._plain, *matching)))

    def any_job(self, names: Sequence[str]) -> bool:
        """Whether any of these queues has a job: one command for a thousand of them."""
        return any(
            self._call("EXISTS", *map(self._keys.queue, names[at : at + AT_ONCE]))
            for at in range(0, len(names), AT_ONCE)
        )
