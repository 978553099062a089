"""What a worker asks Redis for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Want:
    """Up to `count` jobs and about `byte_budget` bytes, from queues in strict order, each with a limit (0: none).

    Pass the same tuple of queues again and again: what is made of it is kept as long as it is the same object.
    Suspects are taken in the order of their list, but for those of the `closed` queues.
    """

    count: int
    queues: tuple[tuple[str, int], ...] = ()
    byte_budget: int = 1 << 20
    closed: tuple[str, ...] = ()
