"""A TCP proxy that hands on what the server says some time later, as a long way between two hosts does."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

_CHUNK = 65536


class Lag:
    """Listens on a loopback port of its own; what `target` sends reaches the other side `seconds` later."""

    def __init__(self, target: tuple[str, int], *, seconds: float) -> None:
        self._target = target
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept, name="lag")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ending.is_set():
            if select.select([self._listener], [], [], 0.1)[0]:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), name="lag-connection")
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            late: deque[tuple[float, bytes]] = deque()
            while not self._ending.is_set():
                pause = max(0.0, late[0][0] - time.monotonic()) if late else 0.1
                for one in select.select([client, server], [], [], min(pause, 0.1))[0]:
                    data = one.recv(_CHUNK)
                    if not data:
                        return
                    if one is client:
                        server.sendall(data)
                    else:
                        late.append((time.monotonic() + self._seconds, data))
                while late and late[0][0] <= time.monotonic():
                    client.sendall(late.popleft()[1])
