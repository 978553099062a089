"""One real worker process at the end of a real socketpair, whose other end the test plays the master on."""

import json
import os
import selectors
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import redis

from resqd.app import App
from resqd.clock import monotonic
from resqd.errors import ChannelClosed
from resqd.master.child import Child
from resqd.master.children import Spawner
from resqd.master.plan import Fork
from resqd.settings import Settings
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.wire.birth import Kind
from resqd.wire.doorbell import Bells
from resqd.wire.intent import Intent
from resqd.wire.messages import Message
from resqd.worker import process
from resqd.worker.blueprint import Blueprint
from resqd.worker.home import Home
from tests.support.waiting import wait_for

M = TypeVar("M")


class LoneWorker:
    """Forked in `with`; `heard` holds all that it has said."""

    def __init__(
        self,
        app: App,
        *,
        url: str,
        state: str = "running",
        slots: int = 2,
        pace: float = 0.0,
        **variables: str,
    ) -> None:
        base = {"QUEUES": "q", "THREAD_COUNT": "2", "JOBS_PER_FORK": "0", "KILL_GRACE": "1", "REDIS_URL": url}
        settings = Settings.load({**base, **variables})
        link = Link(ConnectionConfig.from_url(url), admit=False)
        blueprint = Blueprint(
            settings=settings,
            app=app,
            home=Home(
                namespace=settings.namespace,
                connect=partial(Link, ConnectionConfig.from_url(url), admit=False),
                link=link,
            ),
            link=link,
            where=url,
            worker_id="host:1:q:1:2:0",
            clock=monotonic,
        )
        self.client = redis.Redis.from_url(url)
        self.heard: list[Message] = []
        self.status: int | None = None
        self._state, self._slots, self._pace = state, slots, pace
        self._spawner = Spawner(
            entries={Kind.WORKER: partial(process.run, settings=settings, app=app, blueprints=[blueprint])},
            epoch="e",
            bells=Bells(),
            threads=settings.thread_count,
            descriptors=(),
            clock=monotonic,
        )
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The master's view of it."""
        assert self._child is not None
        return self._child

    def __enter__(self) -> Self:
        order = Fork(Kind.WORKER, 0, self._slots)
        self._child = self._spawner.spawn(order, fork=1, state=Intent(self._state), pace=self._pace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            os.kill(self.child.pid, signal.SIGKILL)
            os.waitpid(self.child.pid, 0)
        self.child.channel.close()
        self.child.page.close()

    def push(self, name: str, *args: object) -> None:
        """Enqueue a job whose id is its name."""
        self.client.rpush("resque:queue:q", json.dumps({"class": name, "args": list(args), "id": name}))

    def tell(self, message: Message) -> None:
        """Say something as the master."""
        assert self.child.channel.send(message)

    def hear(
        self, kind: type[M], check: Callable[[M], bool] = lambda _message: True, seconds: float = 10.0
    ) -> M:
        """The first message of a kind that passes the check, among those heard already and those to come."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.channel, selectors.EVENT_READ)

            def found() -> M | None:
                fitting = (one for one in self.heard if isinstance(one, kind) and check(one))
                if (first := next(fitting, None)) is None and selector.select(0.05):
                    self.heard += self.child.channel.receive()
                return first

            return wait_for(found, seconds, what=f"{kind.__name__}; heard {self.heard[-5:]}", every=0)

    def end(self, seconds: float = 10.0) -> int:
        """Its exit status; what it said last is heard first."""

        def gone() -> list[Any]:
            try:
                self.heard += self.child.channel.receive()
            except ChannelClosed:
                _, status = os.waitpid(self.child.pid, 0)
                return [os.waitstatus_to_exitcode(status)]
            return []

        (self.status,) = wait_for(gone, seconds, what="the worker ends")
        return int(self.status)

    def hang_up(self) -> None:
        """Close the master's end, as its death would."""
        self.child.channel.close()

    def wait(self) -> int:
        """Its exit status, when nothing is to be heard any more."""
        (self.status,) = wait_for(self._waited, 10, what="the worker ends")
        return int(self.status)

    def _waited(self) -> list[int]:
        pid, status = os.waitpid(self.child.pid, os.WNOHANG)
        return [os.waitstatus_to_exitcode(status)] if pid else []


def touch(folder: str, name: str) -> None:
    """For jobs: leave a sign."""
    Path(folder, name).touch()
