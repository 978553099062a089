"""How to reach Redis: a configuration without sockets, and one lean connection owned by one thread."""

from __future__ import annotations

import select
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from typing import Any, Protocol

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.connection import (
    AbstractConnection,
    Connection,
    DefaultParser,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.exceptions import RedisError
from redis.retry import Retry

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.backoff import Backoff
from resqd.store.replies import ServerError, judge
from resqd.store.scripts import Argument, Script, ScriptCall, pack_command

__all__ = ["Backoff", "ConnectionConfig", "Link", "Reply"]

Reply = Any
"""A reply as redis-py parses it: bytes, int, None, a list of these, or a ServerError in its place."""

_OLDEST = (6, 2)
# redis-py 8 has another option for not naming itself, and warns of the older ones.
_LIB_NAME = signature(AbstractConnection.__init__).parameters["lib_name"]
_NAMELESS = (
    {"lib_name": None, "lib_version": None} if isinstance(_LIB_NAME.default, str) else {"driver_info": None}
)
_LEAN: dict[str, Any] = {
    # A pop that redis-py retries by itself loses jobs.
    "retry_on_timeout": False,
    "retry_on_error": [],
    "health_check_interval": 0,
    # Nothing but what connecting needs is asked of the server; a worker may live for one job.
    "protocol": 2,
    **_NAMELESS,
    "decode_responses": False,
}


class _Connection(Protocol):
    """What we use of redis-py's connections."""

    _sock: Any

    def connect(self) -> object: ...
    def disconnect(self) -> object: ...
    def send_packed_command(self, command: list[bytes], check_health: bool) -> object: ...
    def read_response(self) -> Reply: ...


class _Parser(DefaultParser):  # type: ignore[misc, valid-type] # redis-py picks hiredis's parser or its own at import
    """Redis-py's parser, with error replies as they came: what they mean is decided in one place, `replies`."""

    @classmethod
    def parse_error(cls, response: str) -> ServerError:
        return ServerError(response)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """Where Redis is and how to speak to it; holds no socket, so it may be made before a fork."""

    connection_class: type[Connection | SSLConnection | UnixDomainSocketConnection]
    options: Mapping[str, Any]

    @classmethod
    def from_url(
        cls, url: str, *, socket_timeout: float = 7.0, connect_timeout: float = 5.0
    ) -> ConnectionConfig:
        """Reads a `redis://`, `rediss://` or `unix://` URL; timeouts are in seconds.

        Raises ValueError, whose text never holds any part of the URL, since that may hold a password.
        """
        with suppress(ValueError):
            options = parse_url(url)
            connection_class = options.pop("connection_class", Connection)
            options.pop("max_connections", None)
            timeouts = {"socket_timeout": socket_timeout, "socket_connect_timeout": connect_timeout}
            config = cls(connection_class, timeouts | options | _LEAN)
            with suppress(TypeError):  # an unknown option after '?'
                config._connection()
                return config
        raise ValueError("not a Redis URL (redis://HOST:PORT/DB, rediss://… or unix:///PATH?db=DB)")

    def describe(self) -> str:
        """The server's address without user and password."""
        options = self.options
        if "path" in options:
            return f"unix://{options['path']}?db={options.get('db', 0)}"
        scheme = "rediss" if issubclass(self.connection_class, SSLConnection) else "redis"
        return f"{scheme}://{options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db', 0)}"

    def open(self, *, admit: bool = True) -> Link:
        """A link that connects at its first use. `admit`: refuse a server that is too old, at a round trip's cost."""
        return Link(connection=self._connection(), address=self.describe(), admit=admit)

    def client(self) -> Redis:
        """A redis-py client for what is not hot, with retries off."""
        options = dict(self.options) | {"retry": Retry(NoBackoff(), 0)}
        return Redis(connection_pool=ConnectionPool(connection_class=self.connection_class, **options))

    def _connection(self) -> _Connection:
        connection: _Connection = self.connection_class(parser_class=_Parser, **self.options)
        return connection


class Link:
    """One connection, owned by one thread: connects when needed, and drops itself on any I/O error."""

    def __init__(self, *, connection: _Connection, address: str, admit: bool = True) -> None:
        self._connection = connection
        self._address = address
        self._checked = not admit
        self._ready = False

    def pipeline(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Sends all commands in one write and reads their replies, in order; an error reply stands in its place.

        Raises StoreUnavailable when the connection broke (then any of the commands may or may not have run),
        and StoreRefused when the server does not let us in.
        """
        return self._exchange([pack_command(command) for command in commands])

    def call(self, *command: Argument) -> Reply:
        """The reply to one command; an error reply is raised as the StoreError that it means."""
        reply = self.pipeline([command])[0]
        if isinstance(reply, ServerError):
            raise judge(reply)
        return reply

    def run_scripts(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        """Runs scripts in one pipeline, as `pipeline` does; what the server does not know is loaded and rerun."""
        replies = self._exchange([call.packed() for call in calls])
        unknown = [
            i
            for i, reply in enumerate(replies)
            if isinstance(reply, ServerError) and reply.code == "NOSCRIPT"
        ]
        if unknown:
            for i, reply in zip(unknown, self._load_and_run([calls[i] for i in unknown]), strict=True):
                replies[i] = reply
        return replies

    def run_script(self, call: ScriptCall) -> Reply:
        """The reply to one script; an error reply is raised as the StoreError that it means."""
        reply = self.run_scripts([call])[0]
        if isinstance(reply, ServerError):
            raise judge(reply)
        return reply

    def stale(self) -> bool:
        """Whether the server has ended the connection since its last use: it says something without being asked."""
        if not self._ready:
            return False
        poll = select.poll()
        poll.register(self._connection._sock, select.POLLIN)  # noqa: SLF001 - redis-py hands it out in no other way
        return bool(poll.poll(0))

    def close(self) -> None:
        """Drops the connection; the next use connects again."""
        self._ready = False
        self._connection.disconnect()

    def _load_and_run(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        scripts: dict[str, Script] = {call.script.sha1: call.script for call in calls}
        loads = [pack_command(("SCRIPT", "LOAD", script.source)) for script in scripts.values()]
        return self._exchange(loads + [call.packed() for call in calls])[len(loads) :]

    def _exchange(self, commands: list[bytes]) -> list[Reply]:
        if not self._ready:
            self._connect()
        try:
            self._connection.send_packed_command([b"".join(commands)], check_health=False)
            replies = [self._read() for _ in commands]
        except (RedisError, OSError) as error:
            self.close()
            raise StoreUnavailable(f"Redis at {self._address} does not answer: {error}") from error
        except BaseException:
            # Replies that nobody read would answer the next commands.
            self.close()
            raise
        if any(
            isinstance(reply, ServerError) and isinstance(judge(reply), StoreUnavailable) for reply in replies
        ):
            # A server that cannot answer now may have been replaced by another at the same address.
            self.close()
        return replies

    def _read(self) -> Reply:
        try:
            return self._connection.read_response()
        except ServerError as error:
            return error

    def _connect(self) -> None:
        try:
            self._connection.connect()
            if not self._checked:
                self._connection.send_packed_command([pack_command(("HELLO", 2))], check_health=False)
                self._admit(self._read())
        except ServerError as error:
            self.close()
            raise self._named(judge(error)) from error
        except (RedisError, OSError) as error:
            self.close()
            raise StoreUnavailable(f"cannot reach Redis at {self._address}: {error}") from error
        except StoreError as error:
            self.close()
            raise self._named(error) from error
        self._ready = True

    def _admit(self, hello: Reply) -> None:
        if isinstance(hello, ServerError):
            if hello.code == "NOPERM":
                return  # a user who may not ask for the version may still do all that we need
            raise judge(hello)
        facts = dict(zip(hello[::2], hello[1::2], strict=False))
        version = facts.get(b"version", b"").decode("ascii", "replace")
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers and numbers < _OLDEST:
            raise StoreRefused(f"version {version} is too old, resqd needs 6.2 or newer")

    def _named(self, error: StoreError) -> StoreError:
        return type(error)(f"Redis at {self._address}: {error}")
