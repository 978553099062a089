"""Which jobs an owner has seen to their end, by Redis's own word, and how that is told in few bytes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.inflight.tokens import INDEX_BITS, INDEX_MASK

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST: Final = 10_000
"""Batches, and runs of batches, that are remembered; what is older counts as not known, and would run again."""
TOLD: Final = 64 * 1024
"""The most characters of the text about them; what is older is left out."""


@dataclass(slots=True)
class _Batch:
    """A batch not all of whose jobs have succeeded: `ended` has a bit for each one that has."""

    whole: int
    ended: int = 0


class Ended:
    """Tokens as bits of their batches, and of batches that have succeeded as a whole only the numbers, in runs.

    A batch of which a job failed or went back never becomes whole; so both are bounded.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Batch] = {}
        self._firsts: list[int] = []  # of runs of whole batches
        self._lasts: list[int] = []

    def expect(self, seq: int, count: int) -> None:
        """Note that batch `seq` has come, with so many jobs."""
        if len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        self._open[seq] = _Batch((1 << count) - 1)

    def add(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Note that these ranges of tokens have succeeded. Saying it twice does no harm."""
        for first, last in ranges:
            seq = first >> INDEX_BITS
            batch = self._open.get(seq)
            if batch is not None:
                batch.ended |= ((1 << (last - first + 1)) - 1) << (first & INDEX_MASK)
                if batch.ended == batch.whole:
                    del self._open[seq]
                    self._close(seq)

    def __contains__(self, token: object) -> bool:
        if not isinstance(token, int):
            return False
        seq = token >> INDEX_BITS
        if (batch := self._open.get(seq)) is not None:
            return bool(batch.ended >> (token & INDEX_MASK) & 1)
        at = bisect_right(self._firsts, seq) - 1
        return at >= 0 and seq <= self._lasts[at]

    def _close(self, seq: int) -> None:
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, seq)
        after_one = at > 0 and lasts[at - 1] == seq - 1
        before_one = at < len(firsts) and firsts[at] == seq + 1
        if after_one and before_one:
            lasts[at - 1] = lasts.pop(at)
            del firsts[at]
        elif after_one:
            lasts[at - 1] = seq
        elif before_one:
            firsts[at] = seq
        else:
            firsts.insert(at, seq)
            lasts.insert(at, seq)
            if len(firsts) > MOST:
                del firsts[0], lasts[0]

    def text(self) -> str:
        """`FIRST-LAST` or `ONLY` for runs of whole batches, `SEQ:MASK` in hexadecimal for others, the newest first."""
        told = [(first, f"{first}-{last}" if last > first else str(first)) for first, last in self._runs()]
        told += [(seq, f"{seq}:{batch.ended:x}") for seq, batch in self._open.items() if batch.ended]
        words: list[str] = []
        length = 0
        for _, word in sorted(told, reverse=True):
            length += len(word) + 1
            if length > TOLD:
                break
            words.append(word)
        return " ".join(words)

    @classmethod
    def of_text(cls, text: str) -> Ended:
        """What such a text tells. Errors: ValueError."""
        ended = cls()
        for word in reversed(text.split()):
            seq, colon, mask = word.partition(":")
            if colon:
                ended._open[int(seq)] = _Batch(whole=0, ended=int(mask, 16))
            else:
                first, _, last = word.partition("-")
                ended._firsts.append(int(first))
                ended._lasts.append(int(last or first))
        return ended

    def _runs(self) -> Iterable[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)
