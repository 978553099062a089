"""The doorbell's inherited half: how the housekeeper wakes idle fetchers, and how they ask to be woken."""

from __future__ import annotations

import mmap
import os

_CELLS = 512
_CELL = 8
_WORKS = _CELLS - 1


class Bell:
    """Two event descriptors and a page of flags, made by the master and inherited by every child.

    A fetcher that found its queues empty sets its flag and rings `wanted`; the housekeeper then
    listens to Redis and rings `rung`, a semaphore, so that one ring wakes one fetcher.
    """

    def __init__(self, descriptors: tuple[int, int, int] | None = None) -> None:
        if descriptors is None:
            rung = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
            wanted = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            flags = os.memfd_create("resqd-bell", os.MFD_CLOEXEC)
            os.ftruncate(flags, _CELLS * _CELL)
            descriptors = rung, wanted, flags
        self.descriptors = descriptors
        """All three, for a master that execs itself and makes the same bell of them again."""
        self.rung, self.wanted, flags = descriptors
        self._memory = mmap.mmap(flags, _CELLS * _CELL)
        self._idle = memoryview(self._memory).cast("Q")

    def set_idle(self, fork: int, *, idle: bool) -> None:
        """Set the flag of one fetcher; the master clears it for a worker that died."""
        self._idle[fork % _WORKS] = 1 if idle else 0

    def idle(self) -> int:
        """How many fetchers wait."""
        return sum(self._idle[:_WORKS])

    @property
    def works(self) -> bool:
        """Whether the housekeeper listens to Redis, so that polling may be slow."""
        return bool(self._idle[_WORKS])

    def set_works(self, *, works: bool) -> None:
        """Say whether fetchers may rely on the bell."""
        self._idle[_WORKS] = 1 if works else 0

    def want(self) -> None:
        """Tell the housekeeper that a fetcher waits."""
        os.eventfd_write(self.wanted, 1)

    def ring(self) -> None:
        """Wake one fetcher."""
        os.eventfd_write(self.rung, 1)

    def take(self) -> bool:
        """Take one ring; False when another fetcher was faster."""
        return _read(self.rung)

    def heard(self) -> bool:
        """Take the fetchers' wish to be woken; False when there is none."""
        return _read(self.wanted)


def _read(descriptor: int) -> bool:
    try:
        os.eventfd_read(descriptor)
    except BlockingIOError:
        return False
    return True
