"""A limit by its name: what jobs are put under, and what blocks of their code hold, `with resqd.limit("stripe"):`."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Self

from resqd.current import doorman_here
from resqd.errors import JobDefinitionError, LimitFull

if TYPE_CHECKING:
    from types import TracebackType

    from resqd.current import Doorman
    from resqd.limits import Limit

_TASK_LOOKS: Final = 0.05
"""Seconds after which an async job asks again: it waits on no thread."""


class SharedLimit:
    """A limit that has one `name` in the whole fleet, and its `rule`, None where others define it.

    As a block inside a job, with `async with` in an async one, it is held until the block ends: Concurrency counts
    those who are inside, Rate those who enter. It waits in line for `wait` seconds at the most (None: as long as it
    takes), and raises LimitFull then. A block within one that holds the same Concurrency enters at once, and so does
    one of a job that is under it. Outside of a worker, in a test say, nothing is held.
    """

    __slots__ = ("name", "rule", "wait")

    def __init__(self, name: str, rule: Limit | None, *, wait: float | None = None) -> None:
        if not isinstance(name, str) or not name or not name.isprintable() or "=" in name:
            raise JobDefinitionError(f"limit: {name!r} is no name; it takes printable text without =")
        if wait is not None and (isinstance(wait, bool) or not isinstance(wait, int | float) or wait < 0):
            raise JobDefinitionError(f"limit: wait is {wait!r}; it takes a number of seconds, or None")
        self.name = name
        self.rule = rule
        self.wait = wait

    def __repr__(self) -> str:
        return f"limit({self.name!r}, {self.rule!r})" if self.rule else f"limit({self.name!r})"

    def __enter__(self) -> Self:
        doorman = self._doorman()
        if doorman is not None:
            until = self._until()
            try:
                while (pause := doorman.ask()) is not None:
                    doorman.wait(min(pause, self._left(until)))
            except BaseException:
                doorman.leave()
                raise
        _entered.set((*_entered.get(), (self, doorman)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for doorman in self._ended():
            doorman.leave()

    async def __aenter__(self) -> Self:
        import asyncio  # noqa: PLC0415 - 5 MB and 50 ms, for async jobs only, whose loop has imported it

        doorman = self._doorman()
        if doorman is not None:
            until = self._until()
            try:
                while (pause := await asyncio.to_thread(doorman.ask)) is not None:
                    await asyncio.sleep(min(pause, self._left(until), _TASK_LOOKS))
            except BaseException:
                await asyncio.to_thread(doorman.leave)
                raise
        _entered.set((*_entered.get(), (self, doorman)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio  # noqa: PLC0415 - as above

        for doorman in self._ended():
            await asyncio.to_thread(doorman.leave)

    def _doorman(self) -> Doorman | None:
        within = [doorman for _, doorman in _entered.get() if doorman is not None]
        return doorman_here(self.name, self.rule, within)

    def _ended(self) -> list[Doorman]:
        """Those of this block, and of blocks inside that an interrupt has left without their ends."""
        entered = _entered.get()
        at = max((i for i, (limit, _) in enumerate(entered) if limit is self), default=len(entered))
        _entered.set(entered[:at])
        return [doorman for _, doorman in reversed(entered[at:]) if doorman is not None]

    def _until(self) -> float | None:
        return None if self.wait is None else time.monotonic() + self.wait

    def _left(self, until: float | None) -> float:
        left = float("inf") if until is None else until - time.monotonic()
        if left <= 0:
            raise LimitFull(f"the limit {self.name} had no room within {self.wait:g} s")
        return left


_entered: ContextVar[tuple[tuple[SharedLimit, Doorman | None], ...]] = ContextVar("_entered", default=())
"""The blocks that this thread, or task, is in."""
