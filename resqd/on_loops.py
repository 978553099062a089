"""Event loops, for those who have one and those who have none: what blocks is done beside, what awaits is done here."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """Do what blocks on a thread, with the caller's context; the loop goes on meanwhile."""
    import asyncio  # noqa: PLC0415 - who has a loop has it; all others are spared its 5 MB

    return await asyncio.to_thread(work)


def to_its_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread that has no loop: on one of its own."""
    import asyncio  # noqa: PLC0415 - 5 MB and 50 ms, for whoever runs such a job

    return asyncio.run(coroutine)
