"""SQLAlchemy's engines and sessions under resqd: pools of a worker's own, and no session outlives its job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from resqd.process_hooks import AFTER_BOOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import scoped_session

    from resqd.app import App


def install(app: App, *engines: Engine, session: scoped_session[Any] | None = None) -> None:
    """Add the hooks to an app, once: for these engines and, where there is one, a scoped session."""
    app.hooks.after_fork(partial(forget_inherited_connections, engines))
    app.hooks.worker_exit(partial(close_connections, engines))
    if session is not None:
        app.around_each_job(_removing(session))
        app.hooks.surround(_removing(session), (*AFTER_BOOT, "after_fork"))


def forget_inherited_connections(engines: tuple[Engine, ...]) -> None:
    """Give each engine a new pool; the connections in the old one stay open, since they are the parent's."""
    for engine in engines:
        engine.dispose(close=False)


def close_connections(engines: tuple[Engine, ...]) -> None:
    """Close the connections that no one uses."""
    for engine in engines:
        engine.dispose()


def _removing(session: scoped_session[Any]) -> Callable[[], Iterator[None]]:
    def remove_session() -> Iterator[None]:
        try:
            yield
        finally:
            session.remove()  # rolls back what the job did not commit

    return remove_session
