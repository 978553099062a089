"""Lives of workers that are played in the master before the first fork, so that each child finds its code warm.

The interpreter writes what it learns of code into that code, and keeps in a table which attributes types were asked
for. What a child learns for itself it pays twice, since it copies each page that it writes to: after this a life of one
job touches some 150 pages less, of 1,550, and takes a tenth less of the processor.

A rehearsal leaves nothing that a fork must not find: there is no thread, since one does the work of all in turn, no
connection, and nothing of the process is changed. Its jobs are its own, so nothing of the application's is run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from resqd.app import App
from resqd.clock import Clock
from resqd.current import bind_thread
from resqd.settings import Settings
from resqd.store.inflight.calls import CLOSE, REGISTER, RESERVE
from resqd.store.redis.connection import Reply
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.encoding import encode_new
from resqd.threads import NamedThread, Title
from resqd.wire.birth import Birth, Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bell
from resqd.wire.intent import Intent
from resqd.worker.blueprint import Blueprint
from resqd.worker.home import Home
from resqd.worker.reach import Reach
from resqd.worker.signals import Signals

LIVES = 8
"""How often: the interpreter adapts code that has been called eight times. One takes some 2 ms."""
NAME = "rehearsal"
"""The queue, and the job."""


def rehearse(settings: Settings, *, clock: Clock, lives: int = LIVES) -> list[str]:
    """Play the lives of workers with one job each; why each of them ended. It takes some 15 ms.

    What was made for it goes with the next collection of garbage, some descriptors too.
    """
    app = App("redis://rehearsal.invalid", namespace=settings.namespace)
    app.job(queue=NAME, name=NAME)(_perform)
    told = {"QUEUES": NAME, "JOBS_PER_FORK": "1", "LOGGING": "error", "RESQD_NAMESPACE": settings.namespace}
    metered = {name: getattr(settings, name) for name in ("statsd_host", "statsd_key", "history", "http")}
    played = replace(Settings.load(told), **metered)
    bell = Bell()
    try:
        return [_play(played, app, bell, clock) for _ in range(lives)]
    finally:
        bell.unmap()
        for descriptor in bell.descriptors:
            os.close(descriptor)
        bind_thread(None)


def _perform(number: int) -> None:
    """The job of a rehearsal."""


def _play(settings: Settings, app: App, bell: Bell, clock: Clock) -> str:
    signals = _Unheard()
    link = _Prompter(ConnectionConfig("rehearsal.invalid"), admit=False)
    blueprint = Blueprint(
        settings=settings,
        app=app,
        link=link,
        home=Home(namespace=settings.namespace, connect=lambda: link, link=link),
        where=NAME,
        worker_id=NAME,
        clock=clock,
        reach=Reach(_InTurn, lambda _term: signals, partial(Title, write=_nothing, rename=_nothing)),
    )
    ours, theirs = socket.socketpair()
    page = Page(1)
    birth = Birth(
        kind=Kind.WORKER,
        index=0,
        fork=0,
        epoch=NAME,
        master_pid=os.getpid(),
        state=Intent.RUNNING.value,
        slots=1,
        pace=0.0,
        quotas={},
        channel=Channel(theirs),
        page=page,
        bell=bell,
        paused_queues=(),
    )
    manager = blueprint.manager(birth)
    control = blueprint.control(birth, manager)
    try:
        return control.run()
    finally:
        birth.channel.close()
        ours.close()
        page.close()
        for descriptor in (manager.shared.news, manager.shared.wake.descriptor, *signals.descriptors):
            os.close(descriptor)


def _nothing(_text: str) -> None:
    """Show nothing to anybody."""


class _InTurn(NamedThread):
    """Does its work where it is started, while the starter waits."""

    def start(self) -> None:
        """Do it."""
        self._work()


class _Unheard(Signals):
    """Hears no signal: they are the master's."""

    def start(self) -> None:
        """Leave them alone."""


class _Prompter(Link):
    """Answers in Redis's place: a worker is welcome, gets one job, and may go."""

    def _send_and_read(self, commands: Sequence[bytes]) -> list[Reply]:
        return [_answer(command) for command in commands]


def _answer(command: bytes) -> Reply:
    """Errors: AssertionError for what no worker asks in a life of one job."""
    if REGISTER.sha1.encode() in command:
        return [b"1700000000", b"0"]
    if RESERVE.sha1.encode() in command:
        _, payload = encode_new(NAME, [1], enqueued_at=1700000000.0)
        return [[NAME.encode(), 0, [payload]], []]
    if CLOSE.sha1.encode() in command:
        return [1, 0]
    raise AssertionError(f"nobody has rehearsed {command[:200]!r}")
