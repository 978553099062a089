"""Django's database connections under resqd: none is shared across a fork, and each job starts with a sound one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import close_old_connections, connections, reset_queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resqd.app import App

_inherited: list[Any] = []  # kept, because a connection that is collected says goodbye on its parent's socket


def install(app: App) -> None:
    """Add the hooks to an app, once, after `django.setup()`."""
    app.hooks.before_fork(close_connections)
    app.hooks.after_fork(forget_inherited_connections)
    app.hooks.worker_exit(close_connections)
    app.around_each_job(clean_connections)
    app.hooks.surround(clean_connections)


def close_connections() -> None:
    """Close this thread's connections, and the pools that Django keeps for all threads (5.1 and later)."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def forget_inherited_connections() -> None:
    """Let go of connections that came with the fork, without a word to their servers: they are the parent's."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            _inherited.append(connection.connection)
            connection.connection = None


def clean_connections() -> Iterator[None]:
    """Around each job or hook, what Django does around each request: old and broken connections are closed."""
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
