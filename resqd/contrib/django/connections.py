"""Around forks and jobs: no database connection is shared, and each job starts with Django as a request finds it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import close_old_connections, connections, reset_queries
from django.utils import timezone, translation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resqd.app import App

_inherited: list[Any] = []  # kept, because a connection that is collected says goodbye on its parent's socket


class _Thread(threading.local):
    """How deep this thread is in jobs: one may run another inline."""

    depth = 0


class _Process:
    """Whether this is a child of the daemon, whose threads begin nothing but jobs, hooks and callbacks."""

    child = False


_thread = _Thread()


def install(app: App) -> None:
    """Add the hooks to an app, once, after `django.setup()`."""
    app.hooks.before_fork(close_connections)
    app.hooks.after_fork(forget_inherited_connections)
    app.hooks.worker_exit(close_connections)
    app.around_each_job(around_job)
    app.hooks.surround(clean_connections)


def close_connections() -> None:
    """Close this thread's connections, and the pools that Django keeps for all threads (5.1 and later)."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()


def forget_inherited_connections() -> None:
    """Let go of connections that came with the fork, without a word to their servers: they are the parent's."""
    _Process.child = True
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            _inherited.append(connection.connection)
            connection.connection = None


def clean_connections() -> Iterator[None]:
    """Around each hook, what Django does around each request: old and broken connections are closed."""
    reset_queries()
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()


def around_job() -> Iterator[None]:
    """Around each job: sound connections, and the project's own time zone and language.

    A job that runs inside something else (inline in a request or a test, or in another job) gets the zone and
    the language, and its caller has its own again after it. The caller's connections stay as they are, but
    one is closed whose autocommit the job has changed and not set back.
    """
    inside = _thread.depth > 0 or not _Process.child
    _thread.depth += 1
    try:
        yield from _inside() if inside else _outermost()
    finally:
        _thread.depth -= 1


def _outermost() -> Iterator[None]:
    # Not set back at the end, since the next job begins with this as well: each costs 10 microseconds.
    translation.deactivate()
    timezone.deactivate()
    yield from clean_connections()


def _inside() -> Iterator[None]:
    language = translation.get_language()
    translation.deactivate()
    try:
        with timezone.override(None):
            yield from _within()
    finally:
        _set_language(language)


def _within() -> Iterator[None]:
    try:
        yield
    finally:
        for connection in connections.all(initialized_only=True):
            if connection.connection is not None and _is_left_open(connection):
                connection.close()


def _is_left_open(connection: Any) -> bool:
    """Whether a transaction was begun by hand and not ended."""
    autocommit = connection.settings_dict["AUTOCOMMIT"]
    return not connection.in_atomic_block and bool(connection.autocommit != autocommit)


def _set_language(language: str | None) -> None:
    if language is None:
        translation.deactivate_all()
    elif language == settings.LANGUAGE_CODE:
        translation.deactivate()
    else:
        translation.activate(language)
