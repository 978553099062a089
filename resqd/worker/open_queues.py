"""Which queues may be taken from: all but those that people have paused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from resqd.store.resque.pauses import Paused

Limited = tuple[tuple[str, int], ...]
"""Queues in order, each with the most to take of it."""


class OpenQueues:
    """The control thread orders, the fetcher asks; each attribute has one writer.

    A worker that is forked before the housekeeper's first word would take from paused queues: it asks Redis itself
    once, by `look`, which may raise a StoreError.
    """

    def __init__(self, look: Callable[[Sequence[str]], Paused]) -> None:
        self._look = look
        self._ordered: frozenset[str] | None = None
        self._acted_on: frozenset[str] | None = None
        self._found: Paused | None = None
        self._of: tuple[Limited, frozenset[str] | None] = ((), None)
        self._open: Limited = ()

    def begin(self, paused: Iterable[str] | None) -> None:
        """Start with what the master knew at the fork; None: nothing yet."""
        if paused is not None:
            self._ordered = self._acted_on = frozenset(paused)

    def order(self, paused: Iterable[str]) -> None:
        """These queues are paused, and no others."""
        queues = frozenset(paused)
        if queues != self._ordered:
            self._ordered = queues

    def changed(self) -> bool:
        """Whether there was another order since the last call: worth another look."""
        if self._ordered is self._acted_on:
            return False
        self._acted_on = self._ordered
        return True

    def among(self, queues: Limited) -> Limited:
        """Those of the queues that may be taken from; the same object for the same queues while nothing changes.

        May raise a StoreError.
        """
        paused = self._ordered
        if paused is None:
            found = self._found or self._look([queue for queue, _ in queues])
            self._found = found
            return () if found.by_key else _without(queues, frozenset(found.queues))
        if not paused:
            return queues
        before = self._of
        if queues is not before[0] or paused is not before[1]:
            self._open = _without(queues, paused)
            self._of = (queues, paused)
        return self._open


def _without(queues: Limited, paused: frozenset[str]) -> Limited:
    return tuple(item for item in queues if item[0] not in paused) if paused else queues
