"""One connection that hears when another job may be the first that is due: RESP3 and CLIENT TRACKING of one key."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Final

import hiredis

from resqd.errors import StoreUnavailable
from resqd.store.later.later import MICRO
from resqd.store.redis.connection import NOTHING, Reply
from resqd.store.redis.discovery import REPLICAS, Located, Redirect
from resqd.store.redis.protocol import Argument, ServerError, judge, pack_command

if TYPE_CHECKING:
    from resqd.store.keys import Keys
    from resqd.store.redis.url import ConnectionConfig

ANSWER_SECONDS: Final = 5.0
"""How long a reply may take before the connection counts as dead."""


class Ear:
    """Owned by one thread. Any error leaves it closed; the next `first` connects again.

    The server remembers that this connection has read the key, and says once that it was written to; who reads again
    is told again. So a thousand writes in a row cost one notice, and an idle server nothing.
    """

    def __init__(self, *, config: ConnectionConfig, keys: Keys) -> None:
        self._server = Located(config, socket_timeout=ANSWER_SECONDS)
        self._connection = self._server.connection
        self._address = config.describe()
        self._key = keys.later
        self._connected = False
        self._changed = False

    def first(self) -> float | None:
        """When the first is due, in seconds since 1970; from now on a change is heard. None: there is none.

        Errors: StoreUnavailable; any other StoreError is the server's refusal, as of tracking.
        """
        if not self._connected:
            self._connect()
        self._changed = False
        found = self._ask("ZRANGE", self._key, 0, 0, "WITHSCORES")
        return None if not found else float(found[0][1]) / MICRO

    def prove(self) -> None:
        """See that the server still takes writes; one that is a replica now would be silent. Errors as for `first`."""
        hello = self._ask("HELLO") if self._connected else {}
        if isinstance(hello, dict) and hello.get(b"role") in REPLICAS and not self._server.follows:
            self._lose()
            raise StoreUnavailable(f"Redis at {self._address} has become a replica")

    def wait(self, seconds: float) -> bool:
        """Wait until the key is written to, for so many seconds at most; whether it was. Errors: StoreUnavailable."""
        if not self._connected:
            return True
        self._take()  # a notice may have come in one packet with the reply before it
        if self._changed:
            return True
        poll = select.poll()
        poll.register(self._connection.fileno(), select.POLLIN)
        if poll.poll(max(0.0, seconds) * 1000):
            self._receive()
        return self._changed

    def abort(self) -> None:
        """End what the owner waits for, from another thread."""
        self._connection.abort()

    def close(self) -> None:
        """Drop the connection."""
        self._connected = False
        self._connection.close()

    def _connect(self) -> None:
        [hello] = self._server.connect(("HELLO", 3))
        self._connected = True
        self._judge(hello)
        self._ask("CLIENT", "TRACKING", "ON")

    def _ask(self, *command: Argument) -> Reply:
        try:
            self._connection.send(pack_command(command))
            while self._notice(reply := self._connection.read()):
                pass
        except OSError as error:
            self._lose()
            raise StoreUnavailable(f"Redis at {self._address} does not answer: {error}") from error
        self._judge(reply)
        return reply

    def _judge(self, reply: Reply) -> None:
        """Errors: StoreError for what is an error; then the connection is closed."""
        if not isinstance(reply, ServerError):
            return
        if (redirect := Redirect.of(reply)) is not None and redirect.moved:
            self._connected = False
            self._server.move(redirect)
        else:
            self._lose()
        raise self._connection.named(judge(reply))

    def _receive(self) -> None:
        try:
            self._connection.receive()
            self._take()
        except OSError as error:
            self._lose()
            raise StoreUnavailable(f"Redis at {self._address} does not answer: {error}") from error

    def _take(self) -> None:
        """Take in what has been received."""
        while (item := self._connection.take()) is not NOTHING:
            self._notice(item)

    def _notice(self, item: Reply) -> bool:
        """Whether this is no reply; the only notices are those of our key, or of an emptied database."""
        if not isinstance(item, hiredis.PushNotification):
            return False
        self._changed = True
        return True

    def _lose(self) -> None:
        self._connected = False
        self._server.lost()
