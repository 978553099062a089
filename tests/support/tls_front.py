"""TLS in front of a server's Unix socket, for servers that are built without it."""

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = 65536


class TlsFront:
    """Listens on a loopback port of its own; a thread accepts, and one for each connection moves its bytes."""

    def __init__(self, target: Path, *, certificate: Path, key: Path, clients: Path | None = None) -> None:
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        if clients is not None:  # the authority that vouches for them
            self._context.load_verify_locations(clients)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="tls")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), name="tls-connection")
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._target))
            with self._context.wrap_socket(client, server_side=True) as secure:
                while True:
                    ready = [secure] if secure.pending() else select.select([secure, server], [], [])[0]
                    for one in ready:
                        data = one.recv(_CHUNK)
                        if not data:
                            return
                        (server if one is secure else secure).sendall(data)
