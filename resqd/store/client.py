"""redis-py's client, for what is asked of Redis now and then by applications and commands."""

from __future__ import annotations

from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from resqd.store.config import ConnectionConfig


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
