"""redis-py's client, for what applications and commands ask now and then, with its errors as resqd's own."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any

from redis import ConnectionPool, Redis, exceptions
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.redis.discovery import Finder, finder
from resqd.store.redis.protocol import login_refused
from resqd.store.redis.tls import for_redis_py
from resqd.store.redis.url import ConnectionConfig

if TYPE_CHECKING:
    from collections.abc import Callable
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
            raise meaning(
                error
            ) from None  # it tells all that redis-py's says, and its chain hides the caller's line


def meaning(error: exceptions.RedisError) -> StoreError:
    """What an error of redis-py's means for the caller: try later, needs a person, or plainly wrong."""
    if (login := login_refused(str(error))) is not None:
        return login
    if isinstance(error, _REFUSED):  # first: an AuthenticationError is a ConnectionError too
        return StoreRefused(f"Redis refuses us: {error}")
    if isinstance(error, _LATER):
        return StoreUnavailable(f"Redis cannot be reached or cannot answer now: {error}")
    return StoreError(f"Redis answered: {error}")


store_errors = StoreErrors()


_SENT_ON = (exceptions.MovedError, exceptions.ReadOnlyError)
"""Nothing was carried out, and another server would."""
HOPS = 5
"""How often a command is sent to another server before it counts as refused."""


class _Found:
    """Mixed into a connection of redis-py: where the server is, is asked at each connecting."""

    def __init__(self, *, find: Finder, **options: Any) -> None:
        super().__init__(**options)
        self._finder = find

    def _connect(self) -> Any:
        for left in reversed(range(self._finder.tries)):
            self.host, self.port = self._finder.find()
            try:
                return super()._connect()  # type: ignore[misc] # of the class that this is mixed into
            except (OSError, exceptions.RedisError):
                self._finder.lost()
                if not left:
                    raise
        raise AssertionError("there is one try at least")


class _FoundConnection(_Found, Connection):
    """In the clear."""


class _FoundSSLConnection(_Found, SSLConnection):
    """With TLS."""


class _FollowingPipeline(Pipeline):
    """Goes where its client goes."""

    follow: Callable[[Callable[[], Any]], Any]

    def execute(self, raise_on_error: bool = True) -> Any:
        """Carry out what was gathered; it is gathered once more where another server is responsible."""
        commands, scripts = list(self.command_stack), set(self.scripts)

        def run() -> Any:
            self.command_stack, self.scripts = list(commands), set(scripts)
            return super(_FollowingPipeline, self).execute(raise_on_error)

        return self.follow(run)


class _FollowingRedis(Redis):
    """Sends a command on where the server says that another one is responsible, or takes no writes any more."""

    def __init__(self, *, find: Finder, connection_pool: ConnectionPool) -> None:
        super().__init__(connection_pool=connection_pool)
        self._finder = find

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carry out one command."""
        run = super().execute_command
        return self.follow(lambda: run(*args, **options))  # type: ignore[no-untyped-call] # redis-py has no types here

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """A pipeline that follows likewise."""
        pipeline = _FollowingPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.follow = self.follow
        return pipeline

    def follow(self, run: Callable[[], Any]) -> Any:
        """What `run` returns, on the server that carries it out."""
        for _ in range(HOPS):
            try:
                return run()
            except _SENT_ON as error:
                self._finder.lost()
                if isinstance(error, exceptions.MovedError):
                    self._finder.found((error.host, error.port))
                self.connection_pool.disconnect()
        return run()


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
        secured = _secured(config)
        if (find := finder(config)) is not None:
            found = _FoundConnection if config.tls is None else _FoundSSLConnection
            pool = ConnectionPool(connection_class=found, find=find, **options, **secured)
            return _FollowingRedis(find=find, connection_pool=pool)
        options |= {"host": config.host, "port": config.port, **secured}
    return Redis(connection_pool=ConnectionPool(connection_class=kind, **options))


def _secured(config: ConnectionConfig) -> dict[str, Any]:
    """The options of TLS. Errors: StoreRefused."""
    try:
        return {} if config.tls is None else for_redis_py(config.tls)
    except OSError as error:
        raise StoreRefused(f"TLS for Redis at {config.describe()}: {error}") from error
