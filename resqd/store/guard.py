"""redis-py's errors as resqd's own, for what applications call."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING

from redis import exceptions

from resqd.errors import StoreError, StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from types import TracebackType

_REFUSED = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
_LATER = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.ClusterDownError,
)


class StoreErrors(ContextDecorator):
    """Raises StoreUnavailable, StoreRefused or StoreError for what redis-py raises inside; holds no state."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, exceptions.RedisError):
            raise meaning(error) from error


def meaning(error: exceptions.RedisError) -> StoreError:
    """What an error of redis-py's means for the caller: try later, needs a person, or plainly wrong."""
    if isinstance(error, _REFUSED):  # first: an AuthenticationError is a ConnectionError too
        return StoreRefused(f"Redis refuses us: {error}")
    if isinstance(error, _LATER):
        return StoreUnavailable(f"Redis cannot be reached or cannot answer now: {error}")
    return StoreError(f"Redis answered: {error}")


store_errors = StoreErrors()
