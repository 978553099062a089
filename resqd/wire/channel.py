"""The control channel: one end of the socketpair between the master and a child, never blocking."""

from __future__ import annotations

import socket

from resqd import events
from resqd.errors import ChannelClosed, ProtocolError
from resqd.wire.frames import FRAME_LIMIT, Decoder, encode
from resqd.wire.messages import Message

_READ_SIZE = 65536


class Channel:
    """Sends and receives messages over a connected stream socket, owned by one thread.

    What the peer does not read is kept up to `limit` bytes; beyond that `send` refuses, so that a
    stalled peer costs bounded memory and never blocks the sender.
    """

    def __init__(
        self, sock: socket.socket, *, limit: int = FRAME_LIMIT, unsent: bytes = b"", unread: bytes = b""
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._limit = limit
        self._decoder = Decoder()
        self._decoder.feed(unread)
        self._unsent = bytearray(unsent)

    def leftovers(self) -> tuple[bytes, bytes]:
        """What the peer has not taken yet, and the beginning of a message of its own, for a Channel that goes on."""
        return bytes(self._unsent), self._decoder.rest

    def fileno(self) -> int:
        """The socket's descriptor, for a selector."""
        return self._socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether there are bytes that the peer has not taken yet: wait for writability, then `flush`."""
        return bool(self._unsent)

    def send(self, message: Message) -> bool:
        """Send a message as far as the peer takes it now; False when it was refused.

        Either the peer stalls, and then there is something `pending`, or the message is too long for a frame or
        cannot be encoded: that is no reason for anybody to end, so it is said in the log and left out.
        """
        try:
            data = encode(message)
        except ProtocolError as error:
            events.Wire.message_left_out(error=error)
            return False
        if len(self._unsent) + len(data) > self._limit:
            if not self._unsent:
                events.Wire.message_too_long(message=type(message).__name__, size=len(data))
            return False
        self._unsent += data
        self.flush()
        return True

    def flush(self) -> None:
        """Write what is unsent, as far as the peer takes it. A peer that is gone is found by `receive`."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def receive(self) -> list[Message]:
        """The messages that have come, maybe none.

        Errors: ChannelClosed at the end of the stream, ProtocolError for bytes that are no message.
        """
        received: list[Message] = []
        while True:
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                return received
            except ConnectionError:
                data = b""
            if data:
                received += self._decoder.feed(data)
            elif received:
                return received  # the end is found again by the next call
            else:
                raise ChannelClosed("the other end of the channel is gone")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
