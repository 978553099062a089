"""What the master gives to a child at the fork, and the memory that it shares with one worker."""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from enum import Enum

from resqd.text import SHOWN, escaped, shown
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bell, Bells
from resqd.wire.messages import Running

_CELL = 8
_LIMIT = struct.Struct("<dQ")
"""Of one thread: when its job must have ended, and that job's token. A job without a limit leaves it alone."""
_LINE = struct.Struct(f"<d{SHOWN + 1}p112p64pQ")
"""Of one thread: since when, id, class and queue of its job, each with its length in front, and the job's token."""
LAYOUT = _CELL + _LINE.size + _LIMIT.size
"""Bytes of a page for each thread. Who maps a page that another release made must know that they agree on this."""
_LOOKS = 3

write_line = _LINE.pack_into
"""Writes at a place that `Page.line` gives: since when (monotonic), id, class, queue, token; texts are cut to fit."""
write_limit = _LIMIT.pack_into
"""Writes at a place that `Page.limit` gives: when the job must have ended (monotonic), and its token."""


class Page:
    """One 64-bit cell for each job thread, the token that it runs, 0 when it runs none; and one line about that job.

    The master makes it before the fork; the worker's threads write; the master reads it while the worker
    lives, whether that can speak or not, and when it is dead, and trusts nothing else about what ran. It
    lies in a memfd, so that a master that execs itself can map it again; a child closes the `descriptor`
    and keeps the memory. A write costs 20 ns for a cell, 100 for a line.
    """

    def __init__(self, threads: int, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("resqd-page", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, threads * LAYOUT)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, threads * LAYOUT)
        self._lines = threads * _CELL
        self._limits = threads * (_CELL + _LINE.size)
        self.cells = memoryview(self._memory)[: self._lines].cast("Q")

    def line(self, thread: int) -> tuple[mmap.mmap, int]:
        """Where the thread names its job, once its token stands in the cell."""
        return self._memory, self._lines + thread * _LINE.size

    def limit(self, thread: int) -> tuple[mmap.mmap, int]:
        """Where the thread writes until when its job may run, once its token stands in the cell."""
        return self._memory, self._limits + thread * _LIMIT.size

    def overdue(self, now: float) -> frozenset[int]:
        """The tokens on the threads whose jobs should have ended.

        A limit holds where two looks at it agree and name the cell's token: the writer puts that last, so the second
        look cannot see a moment that is older than the token which the first has seen.
        """
        found = set()
        for thread, token in enumerate(self.cells):
            first, second = (_LIMIT.unpack_from(*self.limit(thread)) for _ in range(2))
            moment, named = second
            if token and first == second and named == token and now >= moment:
                found.add(token)
        return frozenset(found)

    def running(self) -> tuple[int, ...]:
        """The tokens on the threads now."""
        return tuple(token for token in self.cells if token)

    def unmap(self) -> None:
        """Give the memory up in a process that has closed the descriptor already."""
        self.cells.release()
        self._memory.close()

    def jobs(self) -> tuple[Running, ...]:
        """The jobs on the threads now, without payloads; one that is being read yet has no class either."""
        return tuple(self._job(thread) for thread, token in enumerate(self.cells) if token)

    def _job(self, thread: int) -> Running:
        """A line that is being written is read again: it holds when two looks at it agree and name the cell's token.

        The token is its last field, so a line that shows it is whole, but for one that changed under the look.
        """
        start = self._lines + thread * _LINE.size
        token = self.cells[thread]
        for _ in range(_LOOKS):
            first, second = (self._memory[start : start + _LINE.size] for _ in range(2))
            token = self.cells[thread] or token
            since, *texts, named = _LINE.unpack(first)
            if first == second and named == token:
                job_id, job_class, queue = (
                    escaped(text.decode("utf-8", "backslashreplace")) for text in texts
                )
                return Running(thread, token, job_id, job_class, queue, since, b"")
        return Running(thread, token, "", "", "", 0.0, b"")

    def close(self) -> None:
        """Unmap the memory in this process and close the descriptor."""
        os.close(self.descriptor)
        self.unmap()


def text_line(text: str) -> bytes:
    """A text as a line holds it, whatever it is made of."""
    return text.encode("utf-8", "backslashreplace")


def id_line(job_id: str | None) -> bytes:
    """A job's id as its line shows it, in the form that people see and type; a usual one costs next to nothing."""
    if job_id is None:
        return b""
    if len(job_id) <= SHOWN and job_id.isascii() and job_id.isprintable():
        return job_id.encode()
    return shown(job_id).encode()


class Kind(Enum):
    """What a child is: a worker, a worker on probation (for suspects, one thread, one job), the housekeeper."""

    WORKER = "worker"
    PROBATION = "probation"
    HOUSEKEEPER = "housekeeper"


PROBATION_AT_ONCE = 2
"""How many suspects of a shard are rerun at the same time, each alone in its process."""


def shard_of(kind: Kind, index: int, shards: int) -> int:
    """The number of the shard that a child at this place works for, of so many; the housekeeper works for all."""
    if kind is Kind.PROBATION:
        return index // PROBATION_AT_ONCE % shards
    return index % shards


@dataclass(frozen=True, slots=True)
class Birth:
    """A child's inheritance. `epoch` is the master's nonce; with `fork` it names the incarnation.

    `pace` is that of the worker before it at its place, in jobs a second; 0 when it is not known. `paused_queues` are
    those that the housekeeper has told; None: it has told nothing yet. `bell` is that of its `shard`, `bells` are all.
    """

    kind: Kind
    index: int
    fork: int
    epoch: str
    master_pid: int
    state: str
    slots: int
    pace: float
    quotas: dict[str, int]
    channel: Channel
    page: Page
    bell: Bell
    paused_queues: tuple[str, ...] | None = None
    shard: int = 0
    bells: Bells | None = None
