"""One row of the history: what one daemon, or all of them, counted in a minute, an hour or a day; and its bytes."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from resqd import events
from resqd.errors import PayloadError
from resqd.store.history.histogram import BUCKETS, Histogram
from resqd.text import EXACT, escaped

MOST_CLASSES: Final = 300
"""Classes with a name of their own in one row, those with most jobs."""
MOST_QUEUES: Final = 1_000
"""Queues likewise, the longest."""
OTHER: Final = "other"
"""All the others, in one."""
_VERSION: Final = 1
_LONGEST: Final = 4 << 20
"""The most bytes of a row unpacked; ours have some ten thousand."""
_FILTERS: Final = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 18}]
"""A fifth smaller than zlib's best; the small dictionary keeps it at 4 MB of memory while it works."""
_EXACT: Final = 100
"""Below it the numbers in buckets are kept exactly."""
_COUNTS: Final = ("started", "succeeded", "failed", "retried", "discarded", "expired")


@dataclass(slots=True)
class ClassCounts:
    """The counts of one class, and how long its jobs ran and waited."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    discarded: int = 0
    expired: int = 0
    ran: Histogram = field(default_factory=Histogram)
    waited: Histogram = field(default_factory=Histogram)

    @property
    def ended(self) -> int:
        """Runs that came to an end, whatever it was."""
        return self.succeeded + self.failed + self.retried + self.discarded

    def merge(self, other: ClassCounts) -> None:
        """Count what another has counted."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ran.merge(other.ran)
        self.waited.merge(other.waited)


@dataclass(slots=True)
class QueueLooks:
    """What was seen of one queue, at one look a minute: its lengths added up, the greatest, the oldest job's age."""

    lengths: int = 0
    longest: int = 0
    oldest: float = 0.0
    """Seconds that the oldest job had waited, at the look where that was most."""

    def merge(self, other: QueueLooks) -> None:
        """Add another's looks."""
        self.lengths += other.lengths
        self.longest = max(self.longest, other.longest)
        self.oldest = max(self.oldest, other.oldest)


@dataclass(slots=True)
class Row:
    """Everything of one span of time. `running` threads were busy, added up over one look a minute."""

    running: int = 0
    classes: dict[str, ClassCounts] = field(default_factory=dict)
    queues: dict[str, QueueLooks] = field(default_factory=dict)

    @property
    def blank(self) -> bool:
        """Whether it says nothing: nobody need keep it."""
        return not (self.classes or self.queues or self.running)

    def of_class(self, name: str) -> ClassCounts:
        """The counts of a class, to be added to."""
        return self.classes.setdefault(name, ClassCounts())

    def merge(self, other: Row) -> None:
        """Add what another says: of another daemon, or of another time."""
        self.running += other.running
        for name, counts in other.classes.items():
            self.of_class(name).merge(counts)
        for name, looks in other.queues.items():
            self.queues.setdefault(name, QueueLooks()).merge(looks)

    def total(self) -> ClassCounts:
        """The counts of all classes."""
        total = ClassCounts()
        for each in self.classes.values():
            total.merge(each)
        return total

    def limited(self) -> Row:
        """The same with no more names than a row may have."""
        classes: dict[str, ClassCounts] = {}
        by_ended = sorted(self.classes, key=lambda name: (-self.classes[name].ended, name))
        for name in by_ended:
            kept = name if len(classes) < MOST_CLASSES - 1 else OTHER
            classes.setdefault(kept, ClassCounts()).merge(self.classes[name])
        queues: dict[str, QueueLooks] = {}
        by_length = sorted(self.queues, key=lambda name: (-self.queues[name].lengths, name))
        for name in by_length:
            kept = name if len(queues) < MOST_QUEUES - 1 else OTHER
            queues.setdefault(kept, QueueLooks()).merge(self.queues[name])
        return Row(self.running, classes, queues)


def merged(rows: Iterable[Row]) -> Row:
    """All of them in one."""
    total = Row()
    for row in rows:
        total.merge(row)
    return total


# The bytes. By columns, since most of them are zeros then and vanish when compressed.


def encode(row: Row) -> bytes:
    """A row's bytes, with no more names than it may have."""
    row = row.limited()
    names = sorted(row.classes)
    classes = [row.classes[name] for name in names]
    queues = sorted(row.queues)
    looks = [row.queues[name] for name in queues]
    packed = msgpack.packb(
        [
            _VERSION,
            row.running,
            names,
            [[getattr(each, name) for each in classes] for name in _COUNTS],
            _histograms([each.ran for each in classes]),
            _histograms([each.waited for each in classes]),
            queues,
            [each.lengths for each in looks],
            [each.longest for each in looks],
            [round(each.oldest) for each in looks],
        ],
        unicode_errors=EXACT,
    )
    return lzma.compress(packed, lzma.FORMAT_RAW, filters=_FILTERS)


def decode(data: bytes) -> Row:
    """The row; raises PayloadError for what is none, or of a later release."""
    try:
        packed = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS).decompress(data, _LONGEST)
        fields = msgpack.unpackb(packed, unicode_errors=EXACT)
        return _row(fields)
    except (
        lzma.LZMAError,
        EOFError,
        msgpack.UnpackException,
        ValueError,
        TypeError,
        IndexError,
        KeyError,
    ) as error:
        raise PayloadError(f"not a row of the history: {error!r}") from error


def readable(all_data: Iterable[bytes]) -> list[Row]:
    """The rows; one that another release has written otherwise is left out, and said."""
    rows = []
    for data in all_data:
        try:
            rows.append(decode(data))
        except PayloadError as error:
            events.Store.history_unreadable(reason=escaped(str(error)))
    return rows


def _row(fields: list[Any]) -> Row:
    version, running, names, counts, ran, waited, queues, lengths, longest, oldest = fields
    if version != _VERSION:
        raise ValueError(f"version {version}")
    runs, waits = _histograms_of(ran, len(names)), _histograms_of(waited, len(names))
    classes = {
        name: ClassCounts(
            **dict(zip(_COUNTS, (int(column[at]) for column in counts), strict=True)),
            ran=runs[at],
            waited=waits[at],
        )
        for at, name in enumerate(names)
    }
    looks = {
        name: QueueLooks(int(lengths[at]), int(longest[at]), float(oldest[at]))
        for at, name in enumerate(queues)
    }
    return Row(int(running), classes, looks)


def _histograms(each: list[Histogram]) -> list[list[int]]:
    """A column for each bucket, and one of the sums in milliseconds."""
    columns = [[_short(one.buckets[at]) for one in each] for at in range(len(BUCKETS) + 1)]
    return [*columns, [round(one.total * 1000) for one in each]]


def _short(count: float) -> int:
    """To two digits, as exact as a sample is; the random digits behind them would be a third of a row."""
    whole = round(count)
    return whole if whole < _EXACT else round(whole, 2 - len(str(whole)))


def _histograms_of(columns: list[list[int]], number: int) -> list[Histogram]:
    *buckets, totals = columns
    return [Histogram([float(bucket[at]) for bucket in buckets], totals[at] / 1000) for at in range(number)]
