"""One connection that hears of every write to our queues, whoever writes: RESP3 and CLIENT TRACKING."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from resqd.errors import StoreRefused, StoreUnavailable
from resqd.store.keys import Keys, to_bytes, to_text
from resqd.store.patterns import is_pattern, literal_head, matches
from resqd.store.replies import ServerError, judge
from resqd.store.scripts import Argument, pack_command

if TYPE_CHECKING:
    from resqd.store.connection import ConnectionConfig, Reply

ANSWER_SECONDS = 5.0
"""How long a reply may take before the connection counts as dead."""
_KEEPALIVE = (
    ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 4),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 4),
)
"""A listener only waits, so the kernel asks whether the peer is there: silence is noticed in 8 seconds."""
_PREFIXES = 32
"""Redis compares each key that is written with every prefix, so a long list of queues is heard as one."""
_NOTHING = object()


class Hearing:
    """Which keys concern a list of queues' names and patterns: prefixes for Redis, a finer test for ourselves."""

    def __init__(self, *, keys: Keys, queues: Sequence[str]) -> None:
        self._head = to_bytes(keys.queue_prefix)
        self._names = {to_bytes(keys.queue(queue)) for queue in queues if not is_pattern(queue)}
        self._patterns = [queue for queue in queues if is_pattern(queue)]
        if self._patterns:
            self._names.add(to_bytes(keys.queues))  # a new queue's name may be written after its first job
        heads = {to_bytes(keys.queue(literal_head(pattern))) for pattern in self._patterns}
        self.prefixes = _without_overlap(self._names | heads)
        if len(self.prefixes) > _PREFIXES:
            self.prefixes = _without_overlap(self._names - {*self._names_of_queues()} | {self._head})

    def concerns(self, key: bytes) -> bool:
        """Whether a write to this key may have brought a job."""
        if key in self._names:
            return True
        if not self._patterns or not key.startswith(self._head):
            return False
        name = to_text(key[len(self._head) :])
        return any(matches(pattern, name) for pattern in self._patterns)

    def _names_of_queues(self) -> list[bytes]:
        return [name for name in self._names if name.startswith(self._head)]


class Doorbell:
    """Owned by one thread. Any error leaves it closed; `connect` begins anew, not armed."""

    def __init__(self, *, config: ConnectionConfig, keys: Keys, queues: Sequence[str]) -> None:
        self._connection: Any = config.connection_class(**config.options)
        self._address = config.describe()
        self._hearing = Hearing(keys=keys, queues=queues)
        self._daemons = keys.daemons
        prefixes = [word for prefix in self._hearing.prefixes for word in (b"PREFIX", prefix)]
        self._tracking: list[Argument] = ["CLIENT", "TRACKING", "ON", "BCAST", *prefixes]
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()
        self._replies: deque[Reply] = deque()
        self._rung = False

    def connect(self) -> None:
        """Connect and speak RESP3. Errors: StoreUnavailable; any other StoreError is the server's refusal."""
        self._reader = hiredis.Reader(replyError=ServerError, notEnoughData=_NOTHING)
        self._replies.clear()
        self._rung = False
        try:
            self._connection.connect()
        except (AuthenticationError, NoPermissionError) as error:
            raise StoreRefused(f"Redis at {self._address} refuses us: {error}") from error
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"cannot reach Redis at {self._address}: {error}") from error
        # redis-py hands its socket out in no other way, and reads pushes only where one asks for a reply.
        self._socket = self._connection._sock  # noqa: SLF001 - see above
        self._channel.settimeout(ANSWER_SECONDS)
        if self._channel.family != socket.AF_UNIX:
            for option, value in _KEEPALIVE:
                self._channel.setsockopt(*option, value)
        self._ask("HELLO", 3)

    def fileno(self) -> int:
        """The socket's descriptor, for a selector."""
        return self._channel.fileno()

    def arm(self) -> None:
        """From the server's answer on, every write to our queues rings. Errors as for `connect`."""
        self._ask(*self._tracking)

    def disarm(self) -> None:
        """Cost the server nothing more."""
        self._ask("CLIENT", "TRACKING", "OFF")

    def daemons(self) -> int:
        """How many daemons are registered."""
        return int(self._ask("HLEN", self._daemons))

    def receive(self) -> None:
        """Take in what the server has sent; for a socket that is readable. Errors: StoreUnavailable."""
        try:
            data = self._channel.recv(65536)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                data += self._socket.recv(65536)
            if not data:
                raise ConnectionError("the connection was closed")
            self._reader.feed(data)
            while (item := self._reader.gets(False)) is not _NOTHING:
                self._sort(item)
        except (OSError, hiredis.HiredisError) as error:
            self.close()
            raise StoreUnavailable(f"Redis at {self._address} does not answer: {error}") from error

    def heard(self) -> bool:
        """Whether a queue of ours was written to, by what has been taken in since the last call."""
        rung, self._rung = self._rung, False
        return rung

    @property
    def waiting(self) -> bool:
        """Whether `heard` would say yes."""
        return self._rung

    def close(self) -> None:
        """Drop the connection."""
        self._socket = None
        self._connection.disconnect()

    @property
    def _channel(self) -> socket.socket:
        if self._socket is None:
            raise StoreUnavailable(f"the doorbell at {self._address} is not connected")
        return self._socket

    def _ask(self, *command: Argument) -> Reply:
        try:
            self._channel.sendall(pack_command(command))
        except OSError as error:
            self.close()
            raise StoreUnavailable(f"Redis at {self._address} does not answer: {error}") from error
        while not self._replies:
            self.receive()
        reply = self._replies.popleft()
        if isinstance(reply, ServerError):
            self.close()
            raise judge(reply)
        return reply

    def _sort(self, item: Reply) -> None:
        if not isinstance(item, hiredis.PushNotification):
            self._replies.append(item)
        elif item[0] == b"invalidate":
            # No keys: the database was emptied, or so many keys changed that the server does not name them.
            self._rung = self._rung or item[1] is None or any(map(self._hearing.concerns, item[1]))


def _without_overlap(prefixes: set[bytes]) -> list[bytes]:
    """The prefixes that no other one of them covers: Redis refuses two of which one begins the other."""
    kept: list[bytes] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept
