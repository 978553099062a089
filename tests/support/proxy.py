"""A TCP proxy before a server's Unix socket, which cuts connections as a bad network would."""

import contextlib
import random
import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = 65536


@dataclass(eq=False)
class _Pair:
    """One client's connection and its counterpart; what one side has not taken yet is kept for it."""

    client: socket.socket
    server: socket.socket
    unsent: dict[socket.socket, bytearray] = field(default_factory=dict)
    late_until: float | None = None
    """A cut connection, whose client is gone: what it had sent reaches the server at this time."""

    def other(self, one: socket.socket) -> socket.socket:
        return self.server if one is self.client else self.client


class Proxy:
    """Listens on a loopback port of its own; one thread moves all bytes.

    `cut` breaks connections, some of them so that what the client had sent still arrives, a while later.
    `silence` forwards nothing for some seconds, as a network does that drops packets.
    """

    def __init__(self, target: Path, *, seed: int = 0) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._pairs: list[_Pair] = []
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._orders: list[tuple[str, float]] = []
        self._silent_until = 0.0
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._ended = False

    @property
    def url(self) -> str:
        """The server's URL through this proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self, share: float = 1.0) -> None:
        """Break this share of the connections now."""
        self._order("cut", share)

    def silence(self, seconds: float) -> None:
        """Forward nothing, in either direction, for so long; new connections are taken and hang as well."""
        self._order("silence", seconds)

    def _order(self, word: str, number: float) -> None:
        self._orders.append((word, number))
        self._wake_writer.send(b"x")

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._order("end", 0)
        self._thread.join(10)
        for one in (self._listener, self._wake_reader, self._wake_writer):
            one.close()

    def _run(self) -> None:
        while not self._ended:
            events = self._selector.select(0.05)
            self._obey()
            self._deliver_late()
            if time.monotonic() < self._silent_until:
                time.sleep(0.01)
                continue
            for key, mask in events:
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, _Pair) and key.data in self._pairs:
                    self._serve(key.data, key.fileobj, mask)  # type: ignore[arg-type] # we register sockets only
        for pair in list(self._pairs):
            self._drop(pair)
        self._selector.close()

    def _obey(self) -> None:
        while self._orders:
            word, number = self._orders.pop(0)
            self._wake_reader.recv(1)
            if word == "cut":
                for pair in list(self._pairs):
                    if self._random.random() < number:
                        self._cut(pair)
            elif word == "silence":
                self._silent_until = time.monotonic() + number

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self._target))
        except OSError:
            client.close()
            server.close()
            return
        pair = _Pair(client, server)
        for one in (client, server):
            one.setblocking(False)
            pair.unsent[one] = bytearray()
            self._selector.register(one, selectors.EVENT_READ, pair)
        self._pairs.append(pair)

    def _serve(self, pair: _Pair, ready: socket.socket, mask: int) -> None:
        try:
            if mask & selectors.EVENT_READ:
                data = ready.recv(_CHUNK)
                if not data:
                    self._drop(pair)
                    return
                pair.unsent[pair.other(ready)] += data
            self._flush(pair)
        except BlockingIOError:
            return
        except OSError:
            self._drop(pair)

    def _flush(self, pair: _Pair) -> None:
        for one, unsent in pair.unsent.items():
            if unsent:
                with contextlib.suppress(BlockingIOError):
                    del unsent[: one.send(unsent)]
            if pair.late_until is None:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if unsent else 0)
                self._selector.modify(one, events, pair)

    def _cut(self, pair: _Pair) -> None:
        """Half of the cuts let what is under way to the server arrive up to half a second later."""
        if pair.late_until is not None:
            return
        if self._random.random() < 0.5:
            self._drop(pair)
            return
        with contextlib.suppress(OSError):
            pair.unsent[pair.server] += pair.client.recv(_CHUNK)
        for one in (pair.client, pair.server):
            self._selector.unregister(one)
        pair.client.close()
        pair.late_until = time.monotonic() + self._random.random() / 2

    def _deliver_late(self) -> None:
        for pair in [one for one in self._pairs if one.late_until is not None]:
            if pair.late_until is not None and time.monotonic() >= pair.late_until:
                with contextlib.suppress(OSError):
                    pair.server.setblocking(True)
                    pair.server.settimeout(1)
                    pair.server.sendall(pair.unsent[pair.server])
                self._drop(pair)

    def _drop(self, pair: _Pair) -> None:
        self._pairs.remove(pair)
        for one in (pair.client, pair.server):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
