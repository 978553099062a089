"""One connected control client as the master sees it: bytes in, one call out, one reply back, never blocking."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from typing import Any

from resqd.clock import Deadline
from resqd.errors import ChannelClosed, ProtocolError
from resqd.wire.requests import Call, CallDecoder, encode_reply

_READ_SIZE = 64 * 1024
_PEER = struct.Struct("iII")  # struct ucred: pid, uid, gid


def peer_uid(sock: socket.socket) -> int:
    """The uid of the process that connected, as the kernel saw it."""
    _, uid, _ = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(uid)


def may_call(uid: int) -> bool:
    """Whether a process of this uid may steer the daemon: the daemon's own user, and root."""
    return uid in (0, os.geteuid())


class Caller:
    """A connection. It is asking until its call is complete, then owed a reply, then taking the reply.

    `deadline` bounds the asking and the taking; while the master owes the reply there is none.
    """

    def __init__(self, sock: socket.socket, *, deadline: Deadline) -> None:
        self.uid = peer_uid(sock)
        sock.setblocking(False)
        self._socket = sock
        self._decoder = CallDecoder()
        self._called = False
        self._unsent = memoryview(b"")
        self.deadline: Deadline | None = deadline
        self.closed = False

    def fileno(self) -> int:
        """The socket's descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def asking(self) -> bool:
        """Whether the call is not complete yet."""
        return not self._called

    @property
    def taking(self) -> bool:
        """Whether a part of the reply is still unsent."""
        return bool(self._unsent)

    def receive(self) -> Call | None:
        """The call, at the moment that it is complete.

        Errors: ChannelClosed when the client is gone, ProtocolError when it sends what is no call, or
        anything after its call.
        """
        try:
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ChannelClosed(f"the client is gone: {error}") from error
        if not data:
            raise ChannelClosed("the client is gone")
        if self._called:
            raise ProtocolError("bytes after the call")
        call = self._decoder.feed(data)
        if call is not None:
            self._called = True
            self.deadline = None
        return call

    def reply(self, reply: Mapping[str, Any], *, deadline: Deadline) -> None:
        """Begin to send the reply; the client has until `deadline` to take it. Errors: as `flush`."""
        self._unsent = memoryview(encode_reply(reply))
        self.deadline = deadline
        self.flush()

    def flush(self) -> None:
        """Send what is unsent, as far as the client takes it. Errors: ChannelClosed when it is gone."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError as error:
                raise ChannelClosed(f"the client is gone: {error}") from error
            self._unsent = self._unsent[sent:]

    def close(self) -> None:
        """Close the connection; a reply that comes later goes nowhere."""
        self.closed = True
        self._unsent = memoryview(b"")
        self._socket.close()
