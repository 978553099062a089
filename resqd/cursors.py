"""How far a long job has come: its cursor as a payload carries it, who keeps it, and walking rows with one."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from resqd.errors import Handover

T = TypeVar("T")

MOST: Final = 64 * 1024
"""The most bytes of a cursor, before Base64."""
EVERY: Final = 1.0
"""Seconds between two cursors of a job that walks rows."""
_BYTES: Final = b"\0"
"""What stands before a cursor of bytes; no JSON begins with it."""


def write(cursor: object) -> bytes:
    """A cursor as the payload carries it. Raises TypeError for what JSON has not, ValueError for what is too long."""
    if isinstance(cursor, bytes):
        raw = _BYTES + cursor
    else:
        try:
            raw = json.dumps(cursor, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            kind = type(cursor).__name__
            raise TypeError(
                f"a cursor is JSON or bytes, and this {kind} is neither ({error}); give str(...) of it, say"
            ) from None
    if len(raw) > MOST:
        raise ValueError(f"a cursor has at most {MOST:,} bytes, and this one {len(raw):,}")
    return base64.b64encode(raw)


def read(text: bytes) -> Any:
    """The cursor that was written so; None where nothing was, or what stands there is none of ours."""
    try:
        raw = base64.b64decode(text, validate=True)
        return raw[1:] if raw.startswith(_BYTES) else json.loads(raw) if raw else None
    except (binascii.Error, ValueError, RecursionError):
        return None


class Progress(NamedTuple):
    """How far a job says that it is: so many of `total` are done, 0: of an unknown number."""

    done: float
    total: float
    note: str


class Journal(Protocol):
    """What long jobs say of themselves, each by its token."""

    @property
    def leaving(self) -> bool:
        """Whether jobs that can should go on elsewhere."""

    def keep(self, token: int, cursor: bytes) -> None:
        """Take a cursor, as payloads carry it."""

    def cursor(self, token: int) -> bytes:
        """The last one of this run; empty where there is none."""

    def tell(self, token: int, progress: Progress) -> None:
        """Take what people are to see."""

    def progress(self, token: int) -> Progress | None:
        """What was told last in this run."""


class Notes:
    """The journal of one job that runs without a daemon."""

    leaving = False

    def __init__(self) -> None:
        self.kept = b""
        self.told: Progress | None = None

    def keep(self, token: int, cursor: bytes) -> None:
        """As a Journal's."""
        del token
        self.kept = cursor

    def cursor(self, token: int) -> bytes:
        """As a Journal's."""
        del token
        return self.kept

    def tell(self, token: int, progress: Progress) -> None:
        """As a Journal's."""
        del token
        self.told = progress

    def progress(self, token: int) -> Progress | None:
        """As a Journal's."""
        del token
        return self.told


class LongJob(Protocol):
    """A running job that says how far it has come."""

    @property
    def cursor(self) -> Any:
        """How far it has come."""

    @property
    def leaving(self) -> bool:
        """Whether it should go on elsewhere."""

    def checkpoint(self, cursor: object) -> None:
        """Say how far it has come."""


class Walk:
    """One walk over rows. `key` gives a row's cursor; without it the cursor is how many rows are done."""

    def __init__(self, job: LongJob, key: Callable[[Any], object] | None) -> None:
        self._job = job
        self._key = key
        self._done = 0
        if key is None and isinstance(cursor := job.cursor, int):
            self._done = cursor
        self.skipped = self._done
        """How many rows were done before, where they are counted."""
        self._last: list[Any] = []  # a row that is done, and no cursor says so yet
        self._due = time.monotonic() + EVERY

    def done(self, row: object) -> None:
        """Note that a row is done. Raises Handover where the job should go on elsewhere."""
        self._done += 1
        self._last = [row]
        if self._job.leaving:
            self.save()
            raise Handover
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Let a cursor say how far it has come."""
        if self._last:
            (row,), self._last = self._last, []
            self._due = time.monotonic() + EVERY
            self._job.checkpoint(self._done if self._key is None else self._key(row))


def walk(rows: Iterable[T], job: LongJob, key: Callable[[T], object] | None) -> Iterator[T]:
    """The rows, each done when the next one is asked for."""
    walked = Walk(job, key)
    try:
        for row in itertools.islice(rows, walked.skipped, None):
            yield row
            walked.done(row)
    finally:  # also when the loop's body raises: then its row is not done, and those before are
        walked.save()


async def walk_async(
    rows: AsyncIterable[T], job: LongJob, key: Callable[[T], object] | None
) -> AsyncIterator[T]:
    """The same for what an async job walks."""
    walked = Walk(job, key)
    left = walked.skipped
    try:
        async for row in rows:
            if left:
                left -= 1
                continue
            yield row
            walked.done(row)
    finally:
        walked.save()
