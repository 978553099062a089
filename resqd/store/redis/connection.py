"""One socket to Redis: connects, is let in, sends what is packed, and parses what comes.

redis-py does this too, and more; to import it takes 15 MB and 0.2 s, which every fork of a worker would feel
in its tables of pages. So it is left to those who look at the queues from outside, in `client`.
"""

from __future__ import annotations

import _socket
import contextlib
import select
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import hiredis

from resqd.errors import NotSent, StoreError, StoreRefused
from resqd.store.redis.protocol import Argument, ServerError, judge, pack_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.store.redis.url import ConnectionConfig

Reply = Any
"""A reply as hiredis parses it: bytes, int, None, a list of these, or a ServerError in its place."""

Address = tuple[str, int]
"""A host and a port."""

NOTHING: Final = object()
"""What `Connection.take` returns where no whole reply has come."""
_CHUNK: Final = 65_536
_NO_MEMORY: Final = "Out of memory"
"""How hiredis says that a reply does not fit: no fault of the server's, and asking again would bring the same."""
_TCP: Final = (
    ((socket.IPPROTO_TCP, socket.TCP_NODELAY), 1),
    ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 4),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 4),
)
"""Who only waits, as the doorbell does, lets the kernel ask whether the peer is there: 8 seconds of silence."""


class Connection:
    """Owned by one thread, and open at the most once at a time; what it raises leaves it to be closed.

    `find` says at each connecting where the server is; without it that stands in the configuration.

    Only `connect` says what an error means, as a StoreError. The others raise OSError, a timeout included, and
    MemoryError.
    """

    def __init__(self, config: ConnectionConfig, *, find: Callable[[], Address] | None = None) -> None:
        self._config = config
        self._address = config.describe()
        self._find = find
        self._socket: socket.socket | None = None
        self._waiting: Callable[[], object] = tuple
        self._reader = hiredis.Reader()
        self._secure = _securing(config)

    def connect(self, *greeting: tuple[Argument, ...]) -> list[Reply]:
        """Open the socket, log in and select the database; the replies to `greeting`, commands sent along.

        Errors: NotSent; StoreRefused or another StoreError is what the server says of us.
        """
        self.close()
        login = self._login()
        try:
            self._open()
            if not login and not greeting:
                return []
            self.send(b"".join(map(pack_command, (*login, *greeting))))
            replies = [self.read() for _ in (*login, *greeting)]
        except OSError as error:
            self.close()
            raise NotSent(f"cannot reach Redis at {self._address}: {error}{self._config.hint}") from error
        except BaseException:
            self.close()
            raise
        for reply in replies[: len(login)]:
            if isinstance(reply, ServerError):
                self.close()
                raise self.named(judge(reply)) from reply
        return replies[len(login) :]

    def named(self, error: StoreError) -> StoreError:
        """The same error with the server's address."""
        return type(error)(f"Redis at {self._address}: {error}")

    def fileno(self) -> int:
        """The open socket's descriptor."""
        return self._open_socket().fileno()

    def ask(self, packed: bytes, count: int) -> Reply:
        """The last reply to `count` packed commands, or the first that is an error: the rest is then unread."""
        self.send(packed)
        self.receive()
        reply: Reply = None
        for _ in range(count):
            while (reply := self.take()) is NOTHING:
                self.receive()
            if isinstance(reply, ServerError):
                break
        return reply

    def send(self, data: bytes) -> None:
        """Send whole commands. A server that turned us away may have closed: what it said is left to be read."""
        try:
            (self._socket or self._open_socket()).sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            if not self.readable():
                raise

    def read(self) -> Reply:
        """The next reply; waits for it."""
        while (reply := self.take()) is NOTHING:
            self.receive()
        return reply

    def receive(self) -> None:
        """Take in what has come; waits for something to come."""
        channel = self._socket or self._open_socket()
        try:
            data = channel.recv(_CHUNK)
        except (BlockingIOError, TimeoutError):  # the first where the kernel watches the time
            raise TimeoutError(f"nothing came for {self._config.socket_timeout:g} s") from None
        if not data:
            raise ConnectionError("the server closed the connection")
        self._reader.feed(data)
        while self._secure is not None and channel.pending():  # type: ignore[attr-defined] # an SSLSocket
            self._reader.feed(channel.recv(_CHUNK))

    def take(self) -> Reply:
        """The next reply that has come whole, or NOTHING."""
        try:
            return self._reader.gets(False)
        except hiredis.HiredisError as error:
            if _NO_MEMORY in str(error):
                raise MemoryError("there is no memory for what Redis sent") from error
            raise ConnectionError(f"this is not Redis's protocol: {error}") from error

    def readable(self) -> bool:
        """Whether something came, or the server has ended the connection."""
        return self._socket is not None and bool(self._waiting())

    def abort(self) -> None:
        """End what another thread waits for here: it finds the connection closed by the server."""
        opened = self._socket
        if opened is not None:
            with contextlib.suppress(OSError):  # it ends just now
                socket.socket.shutdown(opened, socket.SHUT_RDWR)  # an SSLSocket's own is not for two threads

    def close(self) -> None:
        """Drop the socket and what has not been read."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # a job has closed the descriptor already
                self._socket.close()
            self._socket = None
        self._reader = hiredis.Reader(replyError=ServerError, notEnoughData=NOTHING)

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("it is not connected")
        return self._socket

    def _login(self) -> list[tuple[Argument, ...]]:
        config = self._config
        login: list[tuple[Argument, ...]] = []
        if config.password or config.username:
            user = (config.username,) if config.username else ()
            login.append(("AUTH", *user, config.password))
        if config.db:
            login.append(("SELECT", config.db))
        return login

    def _open(self) -> None:
        config = self._config
        host, port = (config.host, config.port) if self._find is None else self._find()
        if config.path:
            opened = socket.socket(socket.AF_UNIX)
        else:
            opened = socket.create_connection((host, port), config.connect_timeout)
        try:
            if config.path:
                opened.settimeout(config.connect_timeout)
                opened.connect(config.path)
            else:
                for option, value in _TCP:
                    opened.setsockopt(*option, value)
            if self._secure is None and isinstance(opened, _socket.socket):
                _limit(opened, config.socket_timeout)
            else:  # also one of gevent's or eventlet's: they wait by themselves, and never in the kernel
                opened = self._secure(opened, host) if self._secure is not None else opened
                opened.settimeout(config.socket_timeout)
        except BaseException:
            opened.close()
            raise
        self._socket = opened
        self._waiting = _what_waits(opened)


def _what_waits(opened: socket.socket) -> Callable[[], object]:
    """A function that says at once, by something true, that there is something to read."""
    if not hasattr(select, "poll"):  # eventlet takes it away
        return lambda: select.select([opened], [], [], 0)[0]
    poll = select.poll()
    poll.register(opened, select.POLLIN)
    return partial(poll.poll, 0)


def _limit(opened: socket.socket, seconds: float) -> None:
    """Let the kernel watch the time: Python would poll before each call, which doubles a command's system calls."""
    opened.settimeout(None)
    limit = struct.pack("ll", int(seconds), round(seconds % 1 * 1_000_000))
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _securing(config: ConnectionConfig) -> Callable[[socket.socket, str], socket.socket] | None:
    """What makes an open socket speak TLS; None where it is not wanted, and then ssl's 2 MB are not imported."""
    if config.tls is None:
        return None
    from resqd.store.redis.tls import securing  # noqa: PLC0415 - see above

    try:
        return securing(config.tls)
    except OSError as error:
        raise StoreRefused(f"TLS for Redis at {config.describe()}: {error}") from error
