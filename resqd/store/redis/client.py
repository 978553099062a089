"""redis-py's client, for what applications and commands ask now and then, with its errors as resqd's own."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any

from redis import ConnectionPool, Redis, exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.redis.url import ConnectionConfig

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


def redis_client(config: ConnectionConfig) -> Redis:
    """A client that opens its sockets when it needs them; its retries are off, since a retried pop loses jobs."""
    options: dict[str, Any] = {
        "db": config.db,
        "username": config.username or None,
        "password": config.password or None,
        "socket_timeout": config.socket_timeout,
        "socket_connect_timeout": config.connect_timeout,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
    }
    kind: type[Connection | UnixDomainSocketConnection]
    if config.path:
        kind, options["path"] = UnixDomainSocketConnection, config.path
    else:
        kind = Connection if config.tls is None else SSLConnection
        options |= {"host": config.host, "port": config.port, **(config.tls or {})}
    return Redis(connection_pool=ConnectionPool(connection_class=kind, **options))
