"""Building the daemon: the lock, the server, the application, and the master with its entries for children."""

from __future__ import annotations

import gc
import os
import secrets
import sys
from dataclasses import dataclass, replace
from functools import partial

from resqd import events, log
from resqd.app import App
from resqd.cli.announcement import announce
from resqd.cli.loading import load_app, look_here, refuse_empty, refuse_green_threads, warn_of_leftovers
from resqd.cli.program import namespace_on
from resqd.clock import monotonic
from resqd.current import named_in_log
from resqd.errors import HookError, ResqdError, SettingsError
from resqd.folders import need
from resqd.housekeeper import process as housekeeper
from resqd.housekeeper.pause_files import first_existing
from resqd.master import handover
from resqd.master.build import Ingredients, build
from resqd.master.handover import Caretaker, Handover
from resqd.master.lock import DaemonLock, write_pidfile
from resqd.master.reload import StartFolder
from resqd.master.systemd import Notifier
from resqd.prints import capture
from resqd.settings import Settings
from resqd.sharding import Shard
from resqd.store.names import WorkerId
from resqd.store.redis import projects
from resqd.store.redis.embedded import Embedded, default_url, server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.url import configured
from resqd.wire.birth import Birth, Kind
from resqd.worker import process as worker
from resqd.worker.blueprint import Blueprint
from resqd.worker.crew import has_async
from resqd.worker.home import Home
from resqd.worker.rehearsal import rehearse

SERVER_FAREWELL = 10.0
"""Seconds that the embedded server may take to write its files and end."""


def boot(settings: Settings) -> int:
    """Run a daemon until it ends; the exit status. Errors: ResqdError, each of one clear line."""
    if (application := settings.app) is None:
        raise SettingsError(["RESQD_APP is not set: say where the App is, with --app MODULE:ATTR"])
    folder = StartFolder.of(os.environ)  # before the application's import may change it
    inherited = _inherited()
    log.configure(level=settings.log_level, format=settings.log_format, role="master", daemon=settings.name)
    for line in settings.warnings():
        events.Cli.setting_warned(warning=line)
    if inherited is None:
        needs_server = settings.redis_url is None and server_binary() is not None
        need(settings.runtime_folder, os.environ, embedded=needs_server)
    lock = DaemonLock(settings.control_socket.with_suffix(".lock"), socket=settings.control_socket)
    lock.adopt(inherited.lock) if inherited else lock.acquire()
    notifier = Notifier(environ=os.environ, pid=os.getpid(), clock=monotonic)
    caretaker = _caretaker(settings, inherited, notifier) if inherited else None
    server = _server(settings, inherited)
    settings = _in_its_namespace(settings, server.embedded)
    _close_stdin()
    os.environ["REDIS_URL"] = server.url  # the application's own enqueues go to the same server
    os.environ["RESQD_NAMESPACE"] = settings.namespace
    if settings.redis_shards:
        os.environ["REDIS_SHARDS"] = " ".join(settings.redis_shards)
    app = load_app(application)
    refuse_green_threads(application)
    refuse_empty(app, application)
    warn_of_leftovers()
    announce(settings, app.jobs, redis=server.described)
    pidfile = settings.pidfile
    written = write_pidfile(pidfile, os.getpid()) if pidfile is not None else None
    try:
        return _run(
            settings,
            app=app,
            server=server,
            lock=lock,
            folder=folder,
            notifier=notifier,
            caretaker=caretaker,
            inherited=inherited,
        )
    finally:
        if pidfile is not None and written is not None:
            written.remove(pidfile)
        lock.release()
        server.leave()


@dataclass(frozen=True, slots=True)
class _Server:
    url: str
    described: str
    embedded: Embedded | None = None

    @property
    def held(self) -> tuple[int, ...]:
        """The descriptors that live on over a reload."""
        return (self.embedded.descriptor,) if self.embedded else ()

    def leave(self) -> None:
        """Give back what is held of the server, and wait for its end where nobody else uses it."""
        if self.embedded is None:
            return
        try:
            self.embedded.end(SERVER_FAREWELL)
        except (OSError, ResqdError) as error:
            events.Cli.server_may_run_on(error=error)


def _run(
    settings: Settings,
    *,
    app: App,
    server: _Server,
    lock: DaemonLock,
    folder: StartFolder,
    notifier: Notifier,
    caretaker: Caretaker | None,
    inherited: Handover | None,
) -> int:
    shards = settings.shards if settings.redis_url else (Shard(0, server.url, settings.namespace),)
    worker_id = _worker_id(settings)
    blueprints = [_blueprint(shard, shards[0], settings, app, worker_id) for shard in shards]
    work = partial(
        _child,
        partial(worker.run, settings=settings, app=app, blueprints=blueprints),
        prints=settings.log_format == "json",
    )
    keep = partial(
        _child,
        partial(
            housekeeper.run,
            settings=settings,
            app=app,
            shards=shards,
            worker_id=worker_id,
            embedded=server.embedded,
        ),
    )
    _first_hooks(app, reloading=inherited is not None)
    if caretaker:
        caretaker.stop()  # its thread must be gone before anything is forked
    master = build(
        Ingredients(
            settings=settings,
            entries={Kind.WORKER: work, Kind.PROBATION: work, Kind.HOUSEKEEPER: keep},
            lock=lock,
            epoch=inherited.epoch if inherited else secrets.token_hex(8),
            before_fork=partial(app.hooks.run, "before_fork"),
            trial=[sys.executable, "-m", "resqd", "check", "--app", settings.app or ""],
            folder=folder,
            notifier=notifier,
            held=server.held,
            pause_file=first_existing(settings.all_pause_files),
            inherited=inherited,
            async_count=settings.async_count if has_async(app) else 0,
            caretaker=caretaker,
            clock=monotonic,
        )
    )
    rehearse(settings, clock=monotonic)
    gc.collect()
    gc.freeze()  # what is imported stays shared: a later collection in a child would write to every object's header
    return master.run()


def _blueprint(shard: Shard, home: Shard, settings: Settings, app: App, worker_id: str) -> Blueprint:
    """What the workers of one shard are made of."""
    connection = configured(shard.url)
    link = Link(connection, admit=False)
    return Blueprint(
        settings=replace(settings, namespace=shard.namespace),
        app=app,
        link=link,
        home=Home(
            namespace=home.namespace,
            connect=partial(Link, configured(home.url), admit=False),
            link=link if shard is home else None,
        ),
        where=connection.describe(),
        worker_id=worker_id,
        clock=monotonic,
    )


def _caretaker(settings: Settings, inherited: Handover, notifier: Notifier) -> Caretaker:
    """In a reload: whoever answers resqctl and systemd until the new code is imported; it has begun."""
    caretaker = Caretaker(
        path=settings.control_socket,
        descriptor=inherited.listener,
        bound=inherited.socket_file,
        notifier=notifier,
        seconds=settings.boot_timeout,
        clock=monotonic,
    )
    caretaker.start()
    return caretaker


def _first_hooks(app: App, *, reloading: bool) -> None:
    """Errors: HookError. After a reload the workers run already, and their jobs are not left alone for it."""
    try:
        app.hooks.run("before_first_fork")
    except HookError as error:
        if not reloading:
            raise
        events.Cli.first_hook_refused(error=error)


def _child(entry: partial[int], birth: Birth, *, prints: bool = False) -> int:
    """The first steps of every child: its own name in the log, where `prints` are logged as well."""
    role = birth.kind.value if birth.kind is Kind.HOUSEKEEPER else f"{birth.kind.value} {birth.index}"
    log.take_role(role, named_in_log)
    if prints:
        capture()
    return entry(birth)


def _worker_id(settings: Settings) -> str:
    """The daemon's name in Resque's registry; frozen at the start, so scaling does not change it."""
    return WorkerId.build(
        host=settings.host,
        pid=os.getpid(),
        queues=[str(replace(spec, weight=1)) for spec in settings.queues],
        worker_count=settings.worker_count,
        thread_count=settings.thread_count,
        jobs_per_fork=settings.jobs_per_fork,
    ).text


def _inherited() -> Handover | None:
    """What this process's last program left, when this is a reload. The variable must not reach children."""
    descriptor = os.environ.pop(handover.VARIABLE, None)
    return handover.load(int(descriptor)) if descriptor is not None else None


def _server(settings: Settings, inherited: Handover | None) -> _Server:
    """The Redis to use. Without REDIS_URL it is the embedded server, which is started, or kept over a reload."""
    if inherited is not None and inherited.held:
        embedded = Embedded.adopt(inherited.held[0], environ=os.environ)
    elif settings.redis_url:
        return _Server(settings.redis_url, configured(settings.redis_url).describe())
    elif server_binary() is None:
        return _Server(*default_url(os.environ))
    else:
        embedded = Embedded.start(environ=os.environ)
    return _Server(embedded.url, embedded.description, embedded)


def _in_its_namespace(settings: Settings, embedded: Embedded | None) -> Settings:
    """With the project's own namespace where the embedded server is shared, and none was given."""
    if embedded is None or settings.has_namespace:
        return settings
    look_here()
    namespace = namespace_on(embedded, settings.app)
    if namespace != settings.namespace:
        first = projects.owner(embedded.folder, settings.namespace)
        events.Cli.namespace_of_project(
            namespace=namespace,
            default=settings.namespace,
            folder=first.folder if first else "another project",
        )
    return replace(settings, namespace=namespace)


def _close_stdin() -> None:
    """Nobody answers a job that reads from the terminal."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
