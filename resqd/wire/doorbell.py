"""The doorbell's inherited half: how the housekeeper wakes idle fetchers, and how they ask to be woken."""

from __future__ import annotations

import mmap
import os
import select
from collections.abc import Sequence
from dataclasses import dataclass

_PAGE = 4096
_FLAGS = 4080
_WORKS = 4080
_FOUND, _FOUND_END = 4088, 4096
_VAIN = 1 << 32


@dataclass(frozen=True, slots=True)
class Asked:
    """What fetchers told the housekeeper: how many began to wait, how many woke and found no job."""

    waiting: int
    vain: int


class Bell:
    """Two event descriptors and a page of flags, made by the master and inherited by every child.

    A fetcher that found its queues empty sets its flag and tells the housekeeper through `wanted`; the
    housekeeper then listens to Redis and rings `rung`, a semaphore, so that one ring wakes one fetcher.
    """

    def __init__(self, descriptors: tuple[int, int, int] | None = None) -> None:
        if descriptors is None:
            rung = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC | os.EFD_SEMAPHORE)
            wanted = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            flags = os.memfd_create("resqd-bell", os.MFD_CLOEXEC)
            os.ftruncate(flags, _PAGE)
            descriptors = rung, wanted, flags
        self.descriptors = descriptors
        """All three, for a master that execs itself and makes the same bell of them again."""
        self.rung, self.wanted, flags = descriptors
        self._memory = mmap.mmap(flags, _PAGE)
        self._found = memoryview(self._memory)[_FOUND:_FOUND_END].cast("Q")
        self._untaken = select.poll()
        self._untaken.register(self.rung, select.POLLIN)

    def unmap(self) -> None:
        """Give the memory up, and with it the sign of being a child of this master; it cannot be used any more."""
        self._found.release()
        self._memory.close()

    def set_idle(self, fork: int, *, idle: bool) -> bool:
        """Set the flag of one fetcher and return what it was; the master clears it for a worker that died.

        Two workers whose forks are a multiple of the flags apart share one: who waits sets his again at each
        look, so a flag that another one cleared is missing until then at most.
        """
        place = fork % _FLAGS
        was = bool(self._memory[place])
        self._memory[place] = idle
        return was

    def idle(self) -> int:
        """How many fetchers wait."""
        return self._memory[:_FLAGS].count(1)

    def any_idle(self) -> bool:
        """Whether a fetcher waits; ten times quicker to tell than how many."""
        return self._memory.find(b"\x01", 0, _FLAGS) >= 0

    @property
    def works(self) -> bool:
        """Whether the housekeeper listens to Redis, so that polling may be slow."""
        return bool(self._memory[_WORKS])

    def vouch(self) -> None:
        """Let fetchers rely on the bell."""
        self._memory[_WORKS] = 1

    def fail(self) -> None:
        """Take that back, and wake every fetcher that waits, since it may sleep for long in good faith."""
        self._memory[_WORKS] = 0
        for _ in range(self.idle()):
            self.ring()

    def want(self) -> None:
        """Tell the housekeeper that a fetcher waits."""
        os.eventfd_write(self.wanted, 1)

    def answer(self, *, found: bool) -> None:
        """Tell what a fetcher found when it was rung. A vain ring is worth waking the housekeeper, others are not."""
        if found:
            # Written by all fetchers without a lock: a count that is lost costs one needless holdoff.
            self._found[0] += 1
        else:
            os.eventfd_write(self.wanted, _VAIN)

    @property
    def found(self) -> int:
        """A number that changes when a ring led to a job."""
        return self._found[0]

    @property
    def pending(self) -> bool:
        """Whether a ring has not been taken yet. What it announces and what came since is found together."""
        return bool(self._untaken.poll(0))

    def ring(self) -> None:
        """Wake one fetcher."""
        os.eventfd_write(self.rung, 1)

    def take(self) -> bool:
        """Take one ring; False when another fetcher was faster."""
        return _read(self.rung) > 0

    def asked(self) -> Asked:
        """Take what the fetchers told since the last call."""
        total = _read(self.wanted)
        return Asked(waiting=total % _VAIN, vain=total // _VAIN)


class Bells:
    """One bell for each shard: a ring for one is of no use to a fetcher of another."""

    def __init__(self, count: int = 1, descriptors: Sequence[int] = ()) -> None:
        kept = [
            (descriptors[at], descriptors[at + 1], descriptors[at + 2])
            for at in range(0, len(descriptors), 3)
        ]
        self.each = tuple(Bell(kept[shard] if shard < len(kept) else None) for shard in range(count))
        """By the number of the shard."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those of all, for a master that execs itself and makes the same bells of them again."""
        return tuple(descriptor for bell in self.each for descriptor in bell.descriptors)

    def fail(self) -> None:
        """Let nobody rely on any of them."""
        for bell in self.each:
            bell.fail()


def _read(descriptor: int) -> int:
    try:
        return os.eventfd_read(descriptor)
    except BlockingIOError:
        return 0
