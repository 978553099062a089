"""Waiting for keys to be written: one thread and one connection a process, that is told of each, however many wait."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import hiredis

from resqd.errors import StoreError, StoreUnavailable
from resqd.store.names import to_bytes
from resqd.store.redis.connection import NOTHING, Reply
from resqd.store.redis.discovery import REPLICAS, Located, Redirect
from resqd.store.redis.protocol import Argument, ServerError, judge, pack_command
from resqd.threads import NamedThread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resqd.store.redis.url import ConnectionConfig

ANSWER_SECONDS: Final = 5.0
"""How long a reply may take before the connection counts as dead."""
PROVE_EVERY: Final = 2.0
"""Seconds after which the server is asked whether it still takes writes: a replica would be silent."""
RETRY: Final = 0.25
"""Seconds until a server that does not answer is tried again."""
CHUNK: Final = 500
"""Keys that are asked for in one write."""

Arrival = Future[bytes | None]


class Ear:
    """The connection. The server remembers the keys that it has read, and says once that one was written to.

    Owned by one thread. Any error leaves it closed.
    """

    def __init__(self, config: ConnectionConfig) -> None:
        self._server = Located(config, socket_timeout=ANSWER_SECONDS)
        self._connection = self._server.connection
        self._address = config.describe()
        self.connected = False
        self.changed: set[bytes] = set()
        """The keys that were written to since they were read."""
        self.flushed = False
        """Whether any may have been, as where the database was emptied."""

    def connect(self) -> None:
        """Errors: StoreUnavailable; any other StoreError is the server's refusal, as of tracking."""
        self.changed.clear()
        [hello] = self._server.connect(("HELLO", 3))
        self.connected = True
        self._judge([hello])
        self._ask([("CLIENT", "TRACKING", "ON")])

    def read(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """What stands at the keys; from now on their changes are heard. Errors as for `connect`."""
        return self._ask([("GET", key) for key in keys])

    def prove(self) -> None:
        """See that the server still takes writes. Errors as for `connect`."""
        [hello] = self._ask([("HELLO",)])
        if isinstance(hello, dict) and hello.get(b"role") in REPLICAS and not self._server.follows:
            self._lose()
            raise StoreUnavailable(f"Redis at {self._address} has become a replica")

    def fileno(self) -> int:
        """The open socket's descriptor."""
        return self._connection.fileno()

    def receive(self) -> None:
        """Take in what has come, for a socket that is readable. Errors: StoreUnavailable."""
        try:
            self._connection.receive()
            while (item := self._connection.take()) is not NOTHING:
                self._notice(item)
        except OSError as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Drop the connection."""
        self.connected = False
        self._connection.close()

    def _ask(self, commands: list[tuple[Argument, ...]]) -> list[Reply]:
        replies: list[Reply] = []
        try:
            self._connection.send(b"".join(map(pack_command, commands)))
            while len(replies) < len(commands):
                if not self._notice(reply := self._connection.read()):
                    replies.append(reply)
        except OSError as error:
            raise self._unavailable(error) from error
        self._judge(replies)
        return replies

    def _judge(self, replies: list[Reply]) -> None:
        refused = next((reply for reply in replies if isinstance(reply, ServerError)), None)
        if refused is None:
            return
        if (redirect := Redirect.of(refused)) is not None and redirect.moved:
            self.connected = False
            self._server.move(redirect)
            raise StoreUnavailable(f"Redis at {self._address} sends us on: {refused.text}")
        self._lose()
        raise self._connection.named(judge(refused))

    def _notice(self, item: Reply) -> bool:
        """Whether this is no reply but a notice: keys, or none where all may have changed."""
        if not isinstance(item, hiredis.PushNotification):
            return False
        keys = item[1] if len(item) > 1 else None
        if keys is None:
            self.flushed = True
        else:
            self.changed.update(keys)
        return True

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        self._lose()
        return StoreUnavailable(f"Redis at {self._address} does not answer: {error}")

    def _lose(self) -> None:
        self.connected = False
        self._server.lost()


class _Listener:
    """The thread of one process. Anybody adds and removes; only the thread reads, and fulfils."""

    def __init__(self, config: ConnectionConfig) -> None:
        self.pid = os.getpid()
        self._ear = Ear(config)
        self._lock = threading.Lock()
        self._waiting: dict[bytes, list[Arrival]] = {}
        self._new: list[bytes] = []  # that have not been read since they were added
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._proved = 0.0
        self._closed = False
        NamedThread(name="arrivals", target=self._run).start()

    def add(self, key: bytes) -> Arrival:
        future = Arrival()
        with self._lock:
            self._waiting.setdefault(key, []).append(future)
            self._new.append(key)
        self._ring()
        return future

    def remove(self, key: bytes, future: Arrival) -> None:
        with self._lock:
            futures = self._waiting.get(key, [])
            if future in futures:
                futures.remove(future)
            if not futures:
                self._waiting.pop(key, None)

    def _ring(self) -> None:
        with self._lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """End the thread and its connection; who waits yet is told."""
        self._closed = True
        self._ring()

    def _run(self) -> None:
        while not self._closed:
            try:
                if self._waiting:
                    self._look()
                self._sleep()
            except StoreUnavailable:
                time.sleep(RETRY)
            except StoreError as error:  # it will not let us: those who wait should know
                self._refuse(error)
        self._refuse(StoreUnavailable("the connection was closed by this program"))
        self._ear.close()
        with self._lock:
            os.close(self._wake)
            self._wake = -1

    def _look(self) -> None:
        ear = self._ear
        if not ear.connected:
            ear.connect()
            ear.flushed = True
            self._proved = time.monotonic()
        with self._lock:
            stale = {*self._new, *ear.changed}
            self._new = []
            if ear.flushed:
                stale = set(self._waiting)
            wanted = [key for key in stale if key in self._waiting]
        ear.flushed = False
        ear.changed.clear()
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            for key, raw in zip(chunk, ear.read(chunk), strict=True):
                if raw is not None:
                    self._fulfil(key, raw)

    def _fulfil(self, key: bytes, raw: bytes) -> None:
        with self._lock:
            futures = self._waiting.pop(key, [])
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_result(raw)

    def _refuse(self, error: StoreError) -> None:
        with self._lock:
            futures = [future for each in self._waiting.values() for future in each]
            self._waiting.clear()
            self._new.clear()
        for future in futures:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _sleep(self) -> None:
        """Until somebody else waits, or a key was written."""
        ear, poll = self._ear, select.poll()
        if ear.changed or ear.flushed or self._new:
            return
        poll.register(self._wake, select.POLLIN)
        if ear.connected:
            poll.register(ear.fileno(), select.POLLIN)
        listening = ear.connected and bool(self._waiting)
        found = {each for each, _ in poll.poll(PROVE_EVERY * 1000 if listening else None)}
        if self._wake in found:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        if found - {self._wake}:
            ear.receive()
        if listening and time.monotonic() - self._proved >= PROVE_EVERY:
            self._proved = time.monotonic()
            ear.prove()


class Arrivals:
    """Gives futures of what is written to keys that are empty, to any thread. A forked child has its own listener."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._listener: _Listener | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def expect(self, key: str) -> Arrival:
        """What stands at a key, at once or some day; give it to `forget` if it is not waited for any more.

        Its error is a StoreError where Redis does not let us wait.
        """
        return self._listening().add(to_bytes(key))

    def forget(self, key: str, future: Arrival) -> None:
        """Wait no more."""
        listener = self._listener
        if listener is not None and listener.pid == os.getpid():
            listener.remove(to_bytes(key), future)

    def close(self) -> None:
        """End the thread, where one listens; the next use starts another."""
        listener, self._listener = self._listener, None
        if listener is not None and listener.pid == os.getpid():
            listener.close()

    def _listening(self) -> _Listener:
        if self._owner != os.getpid():  # the parent's lock may be held for ever here
            self._lock, self._owner = threading.Lock(), os.getpid()
        with self._lock:
            if self._listener is None or self._listener.pid != os.getpid():
                self._listener = _Listener(self._config)
            return self._listener
