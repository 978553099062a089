"""The queues' names that a worker meets, as text."""

from __future__ import annotations

from resqd.store.keys import to_text

MOST = 1_000
LONGEST = 256


class Names(dict[bytes, str]):
    """`names[raw]` is the text, the same object for each job of a queue.

    A worker that is never recycled may meet new names for ever, so they are forgotten from time to time, and
    long ones at once.
    """

    def __missing__(self, raw: bytes) -> str:
        if len(self) >= MOST:
            self.clear()
        name = to_text(raw)
        if len(raw) <= LONGEST:
            self[raw] = name
        return name
