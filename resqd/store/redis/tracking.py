"""One connection that hears of every write to our queues, whoever writes: RESP3 and CLIENT TRACKING."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import hiredis

from resqd.errors import StoreUnavailable
from resqd.store.keys import Keys
from resqd.store.names import is_pattern, literal_head, matches, to_bytes, to_text
from resqd.store.redis.connection import NOTHING, Reply
from resqd.store.redis.discovery import REPLICAS, Located, Redirect
from resqd.store.redis.protocol import Argument, ServerError, judge, pack_command

if TYPE_CHECKING:
    from resqd.store.redis.url import ConnectionConfig

ANSWER_SECONDS = 5.0
"""How long a reply may take before the connection counts as dead."""
_PREFIXES = 32
"""Redis compares each key that is written with every prefix, so a long list of queues is heard as one."""


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
        self._server = Located(config, socket_timeout=ANSWER_SECONDS)
        self._connection = self._server.connection
        self._address = config.describe()
        self._hearing = Hearing(keys=keys, queues=queues)
        self._daemons = keys.daemons
        prefixes = [word for prefix in self._hearing.prefixes for word in (b"PREFIX", prefix)]
        self._pauses = to_bytes(f"{keys.namespace}:pause")
        self._tracking: list[Argument] = [
            "CLIENT",
            "TRACKING",
            "ON",
            "BCAST",
            *prefixes,
            "PREFIX",
            self._pauses,
        ]
        self._replies: deque[Reply] = deque()
        self._rung = False
        self.armed = False
        """Whether writes are heard now. Any thread may ask."""
        self.pause_writes = 0
        """A number that changes when a pause of queues may have begun or ended while armed. Any thread may ask."""

    def connect(self) -> None:
        """Connect and speak RESP3. Errors: StoreUnavailable; any other StoreError is the server's refusal."""
        self._replies.clear()
        self._rung = False
        [hello] = self._server.connect(("HELLO", 3))
        if isinstance(hello, ServerError):
            self.close()
            raise self._connection.named(judge(hello))
        if self._server.follows:
            self.daemons()  # where the slot is elsewhere, the answer says where; nobody else would tell

    def fileno(self) -> int:
        """The socket's descriptor, for a selector. Errors: StoreUnavailable."""
        try:
            return self._connection.fileno()
        except OSError as error:
            raise self._unavailable(error) from error

    def arm(self) -> None:
        """From the server's answer on, every write to our queues rings. Errors as for `connect`."""
        self._ask(*self._tracking)
        self.pause_writes += 1
        self.armed = True

    def disarm(self) -> None:
        """Cost the server nothing more."""
        self.armed = False
        self._ask("CLIENT", "TRACKING", "OFF")

    def daemons(self) -> int:
        """How many daemons are registered, as the server says that takes writes. Errors as for `connect`.

        A server that has become a replica, or has given our slot away, would be silent for ever.
        """
        hello = self._ask("HELLO")
        role = hello.get(b"role") if isinstance(hello, dict) else None
        if role in REPLICAS and not self._server.follows:
            self._server.lost()
            raise StoreUnavailable(f"Redis at {self._address} has become a replica")
        return int(self._ask("HLEN", self._daemons))

    def receive(self) -> None:
        """Take in what the server has sent; for a socket that is readable. Errors: StoreUnavailable."""
        connection = self._connection
        try:
            connection.receive()
            while (item := connection.take()) is not NOTHING:
                self._sort(item)
        except OSError as error:
            self.close()
            raise self._unavailable(error) from error

    def heard(self) -> bool:
        """Whether a queue of ours was written to, by what has been taken in since the last call."""
        rung, self._rung = self._rung, False
        return rung

    @property
    def waiting(self) -> bool:
        """Whether `heard` would say yes."""
        return self._rung

    def abort(self) -> None:
        """End what the owner waits for, from another thread."""
        self._connection.abort()

    def close(self) -> None:
        """Drop the connection."""
        self.armed = False
        self._connection.close()

    def _ask(self, *command: Argument) -> Reply:
        try:
            self._connection.send(pack_command(command))
        except OSError as error:
            self.close()
            raise self._unavailable(error) from error
        while not self._replies:
            self.receive()
        reply = self._replies.popleft()
        if isinstance(reply, ServerError):
            if (redirect := Redirect.of(reply)) is not None and redirect.moved:
                self._server.move(redirect)
            else:
                self._server.lost()
            raise self._connection.named(judge(reply))
        return reply

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"Redis at {self._address} does not answer: {error}")

    def _sort(self, item: Reply) -> None:
        if not isinstance(item, hiredis.PushNotification):
            self._replies.append(item)
        elif item[0] == b"invalidate":
            # No keys: the database was emptied, or so many keys changed that the server does not name them.
            keys: list[bytes] | None = item[1]
            self._rung = self._rung or keys is None or any(map(self._hearing.concerns, keys))
            if keys is None or any(key.startswith(self._pauses) for key in keys):
                self.pause_writes += 1


def _without_overlap(prefixes: set[bytes]) -> list[bytes]:
    """The prefixes that no other one of them covers: Redis refuses two of which one begins the other."""
    kept: list[bytes] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept
