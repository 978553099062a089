"""Memory that the master shares with one worker: which token each job thread runs, true even after a SIGKILL."""

from __future__ import annotations

import mmap
import os

_CELL = 8


class Page:
    """One 64-bit cell for each job thread: the token that it runs, 0 when it runs none.

    The master makes it before the fork; the worker's threads write `cells`; the master reads it
    when the worker is dead, and trusts nothing else about what ran. It lies in a memfd, so that a
    master that execs itself can map it again; a child closes the `descriptor` and keeps the memory.
    """

    def __init__(self, threads: int, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = os.memfd_create("resqd-page", os.MFD_CLOEXEC)
            os.ftruncate(descriptor, threads * _CELL)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, threads * _CELL)
        self.cells = memoryview(self._memory).cast("Q")

    def running(self) -> tuple[int, ...]:
        """The tokens on the threads now."""
        return tuple(token for token in self.cells if token)

    def unmap(self) -> None:
        """Give the memory up in a process that has closed the descriptor already."""
        self.cells.release()
        self._memory.close()

    def close(self) -> None:
        """Unmap the memory in this process and close the descriptor."""
        os.close(self.descriptor)
        self.unmap()
