"""The project's App: made of its settings, found by its jobs, and told of Django's transactions."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, Unpack, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from resqd import app as plain
from resqd import job as plain_job
from resqd.application import aside
from resqd.application.parts import parts_of
from resqd.application.producer import Producer
from resqd.contrib.django.conf import configuration
from resqd.contrib.django.connections import install
from resqd.contrib.django.transaction import after_commit, in_transaction
from resqd.sharding import urls
from resqd.store.redis.projects import folder_of_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from resqd.application.outlet import Outlet
    from resqd.forms import Arguments
    from resqd.options import GivenOptions
    from resqd.registrar import HasPerform

P = ParamSpec("P")
R = TypeVar("R")

DAEMON_APP = "resqd.contrib.django.daemon:app"
"""What `manage.py resqd start` gives as --app."""


class _Asked(threading.local):
    """Whether the call that this thread is in asked for the commit."""

    on_commit = False


_asked = _Asked()


@contextmanager
def _on_commit() -> Iterator[None]:
    before, _asked.on_commit = _asked.on_commit, True
    try:
        yield
    finally:
        _asked.on_commit = before


class Job(plain_job.Job[P, R]):
    """A job of a Django project."""

    def enqueue_on_commit(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Put the job on its queue when the transaction is committed, and never if it is rolled back.

        Arguments and hooks are as with `enqueue`, now; so are errors in them, and the id that is returned.
        """
        with _on_commit():
            return self.enqueue(*args, **kwargs)


class Outbox(Protocol):
    """The outbox of the project, where it has one."""

    def is_in_transaction(self) -> bool:
        """Whether this thread has a transaction open of which rows can be a part."""

    def outlet(self) -> Outlet:
        """What makes rows of jobs."""


class OnCommit(Producer):
    """Puts jobs on queues once the transaction is committed, where that was asked for."""

    outbox: Outbox | None = None

    @property
    def into_outbox(self) -> bool:
        """Whether what is enqueued on commit now becomes a part of the transaction."""
        return self.outbox is not None and self.outbox.is_in_transaction()

    def where(self, *, keyed: bool = False) -> Outlet:
        """Who takes payloads now: while a transaction is open what waits for it, or what is a part of it."""
        if aside.now() is None and _waits():
            if self.outbox is not None and self.into_outbox:
                return self.outbox.outlet()
            if in_transaction():
                held = aside.Held()
                after_commit(held.release)
                return held.outlet(self, keyed=keyed)
        return super().where(keyed=keyed)


def _waits() -> bool:
    return _asked.on_commit or configuration().on_commit


def into_outbox() -> bool:
    """Whether what this thread enqueues now becomes a part of its transaction."""
    producer = parts_of(the_app()).producer
    return _waits() and isinstance(producer, OnCommit) and producer.into_outbox


def now_or_after(put: Callable[[], None]) -> None:
    """Put something on a queue; where the commit was asked for, after it, or as a part of the transaction."""
    if _waits() and not into_outbox():
        after_commit(put)
    else:
        put()


class Registrar(Protocol):
    """What `app.job(...)` with options returns: a decorator for a function or a class."""

    @overload
    def __call__(self, target: HasPerform[P, R], /) -> Job[P, R]: ...
    @overload
    def __call__(self, target: Callable[P, R], /) -> Job[P, R]: ...


class App(plain.App):
    """An App whose Redis, namespace and ways are those of RESQD, with the hooks for Django's connections.

    `RESQD["ON_COMMIT"] = True` makes every enqueue one on commit, `RESQD["INLINE"] = True` runs jobs at once.
    """

    _job_type = Job
    _producer_type = OnCommit

    def __init__(
        self,
        redis_url: str | None = None,
        namespace: str | None = None,
        *,
        name: str | None = None,
        release: str | int | None = None,
        modules: Sequence[str] = (),
        arguments: Arguments | None = None,
        defaults: GivenOptions | None = None,
        keys: Sequence[str | bytes] | None = None,
    ) -> None:
        said = configuration()
        redis_url, namespace = (
            redis_url or said.daemon.get("redis_url"),
            namespace or said.daemon.get("namespace"),
        )
        super().__init__(
            redis_url,
            namespace,
            name=name,
            release=release,
            modules=modules,
            arguments=arguments,
            defaults=defaults,
            keys=said.keys if keys is None else keys,
        )
        if (shards := said.daemon.get("redis_shards")) and redis_url in (None, urls(shards)[0]):
            self.configure(redis_shards=urls(shards))
        if (project := folder_of_module(str(getattr(settings, "SETTINGS_MODULE", "")))) is not None:
            self._folder = project  # whoever has made this App, be it Django
        self._inline_as_set = False
        self._settings_changed(setting="RESQD")
        install(self)
        setting_changed.connect(self._settings_changed)

    if TYPE_CHECKING:

        @overload
        def job(self, target: HasPerform[P, R], /) -> Job[P, R]: ...
        @overload
        def job(self, target: Callable[P, R], /) -> Job[P, R]: ...
        @overload
        def job(
            self, /, *, queue: str | None = None, name: str | None = None, **options: Unpack[GivenOptions]
        ) -> Registrar: ...
        def job(self, target: Any = None, /, **options: Any) -> Any: ...  # noqa: D102 - as above

    def enqueue_on_commit(
        self, job: plain_job.Job[..., Any] | str, /, *args: Any, **kwargs: Any
    ) -> str | None:
        """Put a registered job, given itself or by name, on its queue once the transaction is committed."""
        with _on_commit():
            return self.enqueue(job, *args, **kwargs)

    def _settings_changed(self, *, setting: str, **_: Any) -> None:
        """Run jobs inline or not as RESQD says, unless a test has put something of its own there."""
        if setting != "RESQD":
            return
        wanted = configuration().inline
        if wanted and self._parts.producer.outlet is None:
            self.inline = self._inline_as_set = True
        elif not wanted and self._inline_as_set:
            self.inline = self._inline_as_set = False


class _Made:
    app: App | None = None
    lock = threading.RLock()


def the_app() -> App:
    """The project's App: the one that RESQD["APP"] names, else one of our own. Errors: ImproperlyConfigured."""
    with _Made.lock:
        if _Made.app is None:
            named = configuration().daemon.get("app")
            _Made.app = App() if named in {None, DAEMON_APP} else _named(str(named))
        return _Made.app


def _named(path: str) -> App:
    module, _, attribute = path.partition(":")
    found = getattr(import_module(module), attribute, None)
    if isinstance(found, App):
        return found
    what = "nothing, or not yet" if found is None else f"a {type(found).__name__}"
    raise ImproperlyConfigured(
        f"RESQD['APP'] is {path!r}, and there is {what}; begin {module} with "
        f"`{attribute} = resqd.contrib.django.App()`, before it imports jobs"
    )
