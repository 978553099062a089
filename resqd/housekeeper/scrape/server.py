"""A small HTTP server on a thread of its own: /metrics, /healthz and /readyz, for GET and HEAD, and nothing else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from resqd import events
from resqd.housekeeper.scrape.counts import Counts
from resqd.housekeeper.scrape.exposition import CONTENT_TYPE, document
from resqd.threads import NamedThread

AGAIN: Final = 1.0
"""Seconds until an address that is taken is tried again."""
TRIES: Final = 5
"""After so many it is said, once: a reload explains the first ones."""
PATIENCE: Final = 5.0
"""Seconds that a client may take for its request and for taking the answer."""
_PLAIN: Final = "text/plain; charset=utf-8"


class _Handler(BaseHTTPRequestHandler):
    """One connection, which brings one request: scrapers come seldom."""

    counts: Counts
    server_version = "resqd"
    sys_version = ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE, document(self.counts.families()))
        elif path == "/healthz":
            self._judge(self.counts.alive())
        elif path == "/readyz":
            self._judge(self.counts.ready())
        else:
            self._answer(HTTPStatus.NOT_FOUND, _PLAIN, "there are /metrics, /healthz and /readyz\n")

    do_HEAD = do_GET  # noqa: N815 - the name that the library looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gave it
        """Say nothing: a scrape each few seconds is no event."""

    def _judge(self, why_not: str) -> None:
        if why_not:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, f"{why_not}\n")
        else:
            self._answer(HTTPStatus.OK, _PLAIN, "ok\n")

    def _answer(self, status: HTTPStatus, content_type: str, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    """Takes either family of addresses; a restart finds the port free."""

    daemon_threads = True
    request_queue_size = 16

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in between, or is slow, is no fault of ours."""


class Scrape:
    """Owns the socket and the thread."""

    def __init__(
        self, *, counts: Counts, address: tuple[str, int], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._counts = counts
        self._address = address
        self._sleep = sleep
        self._failed = 0
        self.port = 0
        """Where it listens."""

    def start(self) -> None:
        """Answer from now on, until the process ends."""
        NamedThread(name="scrape", target=self.run).start()

    def run(self) -> None:
        """Listen, as soon as the address is free: at a reload the housekeeper before may still have it."""
        while True:
            try:
                server = self._open()
            except OSError as error:
                self._failed += 1
                if self._failed == TRIES:
                    where = ":".join(map(str, self._address))
                    events.Housekeeper.scrape_refused(where=where, why=str(error))
                self._sleep(AGAIN)
            else:
                self.port = int(server.server_address[1])
                server.serve_forever()

    def _open(self) -> ThreadingHTTPServer:
        host, port = self._address
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        server = type("_Server", (_Server,), {"address_family": family})
        made: ThreadingHTTPServer = server(
            (host, port), type("_Handler", (_Handler,), {"counts": self._counts})
        )
        return made
