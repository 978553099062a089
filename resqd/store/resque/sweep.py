"""Going through a failed list from its head, while others may change it as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from resqd.errors import ResqdError
from resqd.store.resque.failed_job import FailedJob

CHUNK: Final = 200
"""Records that are read at once."""
MOST_TRIES: Final = 1_000
"""How often something is looked for again in a list that others change, before that is given up."""


class FailureMoved(ResqdError):  # noqa: N818 - names what happened to the failure
    """The failure is not, or no longer, where it was said to be; nothing was changed."""


class Step(Protocol):
    """A change of one record."""

    @property
    def new(self) -> bytes:
        """What the record becomes; nothing where it goes."""


S = TypeVar("S", bound=Step)


class Sweep(Generic[S]):
    """One pass over a list of `total` records: what comes to its end meanwhile is left, as far as that can be told.

    `plan` gives a step, or None, for each record of a chunk, `apply` does steps in order up to the first that finds
    another record than it was for, `find` says where a record stands. `watch` is told after each chunk how many records
    have been judged and how many were changed, and ends the pass with False. A position is believed only as long as the
    record before it is the one that was judged last.
    """

    def __init__(
        self,
        *,
        name: str,
        total: int,
        read: Callable[[int, int], list[FailedJob]],
        plan: Callable[[list[FailedJob], int], list[S | None]],
        apply: Callable[[list[S]], int],
        find: Callable[[bytes], int | None],
        watch: Callable[[int, int], bool] | None = None,
    ) -> None:
        self._name = name
        self._total = total
        self._read = read
        self._plan = plan
        self._apply = apply
        self._find = find
        self._watch = watch
        self._offset = 0
        self._last = b""  # the record before `offset`
        self._changed = 0
        self._gone = 0

    def run(self) -> int:
        """How many were changed. Errors: FailureMoved, when others change the list so fast that nothing can be done."""
        vain = 0
        while (chunk := self._next()) != []:
            judged = 0 if chunk is None else self._judge(chunk)
            vain = 0 if judged else vain + 1
            if vain > MOST_TRIES:
                raise FailureMoved(
                    f"someone else changes {self._name} all the time; {self._changed} were done before"
                )
            if chunk is None or judged < len(chunk):
                self._find_again()
            if self._watch is not None and not self._watch(self._offset + self._gone, self._changed):
                break
        return self._changed

    def _next(self) -> list[FailedJob] | None:
        """The records to judge now; None when the list has changed before them."""
        left = min(self._total - self._gone - self._offset, CHUNK)
        if left <= 0:
            return []
        if not self._offset:
            return self._read(0, left)
        records = self._read(self._offset - 1, left + 1)
        return records[1:] if records and records[0].record == self._last else None

    def _judge(self, chunk: list[FailedJob]) -> int:
        """How many records are through: all before the first step that could not be done."""
        steps = self._plan(chunk, self._offset)
        done = self._apply([step for step in steps if step is not None])
        self._changed += done
        judged = _judged(steps, done)
        for failure, step in zip(chunk[:judged], steps, strict=False):
            if step is None or step.new:
                self._offset += 1
                self._last = failure.record if step is None else step.new
            else:
                self._gone += 1
        return judged

    def _find_again(self) -> None:
        """Go on after the last record that was judged and is there, from the head where that is gone."""
        position = self._find(self._last) if self._offset else None
        self._offset = 0 if position is None else position + 1


def _judged(steps: Sequence[Step | None], done: int) -> int:
    for position, step in enumerate(steps):
        if step is not None:
            if not done:
                return position
            done -= 1
    return len(steps)
