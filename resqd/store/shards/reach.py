"""Asks all shards and makes one answer of theirs; one that is away is left out of what is read, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from resqd.clock import Deadline, monotonic
from resqd.errors import StoreError, StoreUnavailable
from resqd.store.redis.link import Link
from resqd.threads import NamedThread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resqd.sharding import Shard
    from resqd.store.resque.store import Store
    from resqd.store.shards.probe import Prober
    from resqd.store.shards.spread import Spread

T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds within which a shard must answer before the first look, so that a silent one delays no view for longer."""


class Reach:
    """The shards of one program, home first. Threads may share it."""

    def __init__(
        self, shards: Sequence[Shard], stores: Sequence[Store], *, spread: Spread, prober: Prober
    ) -> None:
        self._shards = shards
        self.stores = stores
        self._spread = spread
        self._prober = prober
        self._surveyed = False

    @property
    def left_out(self) -> list[str]:
        """Where the shards are that do not answer now."""
        return [self._shards[number].shown for number in self._spread.down]

    def survey(self, patience: float = PATIENCE) -> None:
        """Ask all at once whether they are there, before the first look."""
        if self._surveyed:
            return
        self._surveyed = True
        silent = set(range(len(self.stores)))
        threads = [
            NamedThread(name="survey", target=lambda number=number: self._greet(number, silent))  # type: ignore[misc] # bound now
            for number in range(len(self.stores))
        ]
        for thread in threads:
            thread.start()
        deadline = Deadline.after(patience, monotonic)
        for thread in threads:
            thread.join(max(0.0, deadline.remaining()))
        for number in tuple(silent):
            self.lost(number)

    def lost(self, number: int) -> None:
        """A shard does not answer: it is left alone until it does."""
        if self._spread.failed(number):
            self._prober.watch(number)

    def read(self, ask: Callable[[Store], T]) -> list[T]:
        """The answers of those that can be reached. Errors: StoreUnavailable where none can."""
        self.survey()
        answers = []
        error: StoreError | None = None
        down = set(self._spread.down)
        there = [number for number in range(len(self.stores)) if number not in down]
        for number in there or range(len(self.stores)):
            try:
                answers.append(ask(self.stores[number]))
            except StoreUnavailable as unavailable:
                error = unavailable
                self.lost(number)
        if error is not None and not answers:
            raise error
        return answers

    def home(self, ask: Callable[[Store], T], default: T) -> T:
        """The answer of the home shard; the default while it is away, when others are there to be shown."""
        self.survey()
        if 0 in self._spread.down and len(self._spread.down) < len(self.stores):
            return default
        try:
            return ask(self.stores[0])
        except StoreUnavailable:
            self.lost(0)
            if len(self._spread.down) == len(self.stores):
                raise
            return default

    def act(self, do: Callable[[Store], T]) -> list[T]:
        """What came of it on each; when it was done on all that can be reached, the first error is raised."""
        self.survey()
        done: list[T] = []
        errors: list[StoreError] = []
        for number, store in enumerate(self.stores):
            if number in self._spread.down:
                errors.append(StoreUnavailable(f"Redis at {self._shards[number].shown} does not answer"))
                continue
            try:
                done.append(do(store))
            except StoreError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return done

    def _greet(self, number: int, silent: set[int]) -> None:
        link = Link(self.stores[number].config, admit=False)
        try:
            link.call("PING")
        except StoreUnavailable:
            return
        except StoreError:
            pass  # it answers, and will say so to whoever asks
        finally:
            link.close()
        silent.discard(number)


def window(lengths: Sequence[int], start: int, count: int) -> list[tuple[int, int, int]]:
    """Which part of each list shows `count` items from `start` on, as if they stood one behind the other.

    As list, first place in it, and how many.
    """
    parts, before = [], 0
    for number, length in enumerate(lengths):
        first = max(start - before, 0)
        many = min(length - first, start + count - before - first)
        if first < length and many > 0:
            parts.append((number, first, many))
        before += length
    return parts
