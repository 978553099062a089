"""Where failure records go: Resque's list, one list for each queue, classes of the application's own, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from resqd import events
from resqd.errors import JobDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.keys import Keys


Record = Mapping[str, Any]
"""A failure record as Resque's pages read it: failed_at, payload, exception, error, backtrace, worker, queue."""

DEFAULT_EXPIRE_GENERATION: Final = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Keys of the lists that take a record, and the member to add to the set of failed queues, or None."""

    lists: tuple[str, ...]
    member: str | None = None


class FailureBackend(Protocol):
    """Keeps failures. Lists are written in the same step that takes the job out of flight; `save` comes after."""

    def place(self, queue: str, keys: Keys) -> Place:
        """The lists that take the record of a job from `queue`; none where `save` does all."""

    def save(self, record: Record) -> None:
        """Keep or report the record in another way."""


class RedisBackend:
    """Resque's own: one list, `failed`."""

    def place(self, queue: str, keys: Keys) -> Place:  # noqa: ARG002 - every queue has the same list
        """The one list."""
        return Place((keys.failed,))

    def save(self, record: Record) -> None:
        """Nothing more."""


class RedisMultiQueueBackend:
    """One list for each queue, `QUEUE_failed`, named in the set `failed_queues`."""

    def place(self, queue: str, keys: Keys) -> Place:
        """The queue's own list."""
        return Place((keys.failed_queue(queue),), f"{queue}_failed")

    def save(self, record: Record) -> None:
        """Nothing more."""


class MultipleBackend:
    """Several at once; an error in one is logged, and the others still get the record."""

    def __init__(self, backends: Iterable[FailureBackend]) -> None:
        self._backends = tuple(backends)

    def place(self, queue: str, keys: Keys) -> Place:
        """The lists of all."""
        places = [place_of(backend, queue, keys) for backend in self._backends]
        lists = dict.fromkeys(key for place in places for key in place.lists)
        return Place(tuple(lists), next((place.member for place in places if place.member), None))

    def save(self, record: Record) -> None:
        """Let each save."""
        for backend in self._backends:
            try:
                backend.save(record)
            except Exception:  # noqa: BLE001 - the application's code; it is logged
                events.Store.backend_failed(backend=backend)


def place_of(backend: FailureBackend, queue: str, keys: Keys) -> Place:
    """Where a backend wants a record. One that raises, or gives no Place, loses it to the default list: it is kept.

    Whatever the application's code raises, it must end neither a job thread nor the housekeeper's round.
    """
    try:
        return _checked(backend.place(queue, keys))
    except BaseException:  # noqa: BLE001 - see above; it is logged
        events.Store.place_failed(backend=type(backend).__name__, key=keys.failed)
        return Place((keys.failed,))


def _checked(place: object) -> Place:
    """A Place whose parts Redis can take. Errors: TypeError."""
    fits = (
        isinstance(place, Place) and isinstance(place.lists, tuple) and isinstance(place.member, str | None)
    )
    if isinstance(place, Place) and fits and all(isinstance(key, str) for key in place.lists):
        return place
    raise TypeError(
        f"place() gave a {type(place).__name__}, and not a Place of keys and a member that are str"
    )


BACKENDS: Final[dict[str, Callable[[], FailureBackend]]] = {
    "redis": RedisBackend,
    "redis_multi_queue": RedisMultiQueueBackend,
}


def backend_of(names: Iterable[str | FailureBackend]) -> FailureBackend:
    """The backend for names of FAILURE_BACKEND and objects of one's own; several become one."""
    chosen = [_backend(name) if isinstance(name, str) else name for name in names]
    return chosen[0] if len(chosen) == 1 else MultipleBackend(chosen)


def _backend(name: str) -> FailureBackend:
    if name not in BACKENDS:
        raise JobDefinitionError(f"there is no failure backend {name!r}; there are {', '.join(BACKENDS)}")
    return BACKENDS[name]()
