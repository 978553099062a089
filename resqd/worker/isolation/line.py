"""The socket between a job's process and the thread that waits for it: frames one way, single letters the other."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

REQUEST = b"R"
"""From the thread, first: what to run."""
PROCESS = b"P"
"""The process is there; a descriptor of itself comes along."""
BEGINS = b"B"
"""It begins the job's code."""
CURSOR = b"C"
PROGRESS = b"G"
HOLDS = b"H"
"""A block of the job's code is going to hold a limit."""
OUTCOME = b"O"
ENDED = b"E"
"""From the forker, last: with which status the process has ended, or that there was none."""

LEAVE = b"L"
"""To the process: the job should go on elsewhere, if it can."""
SPARED = b"S"
"""To the process, before a signal: what the signal ends goes back to its queue."""
LATE = b"T"
"""To the process, before a signal: the job's time is over."""

_HEAD = struct.Struct("<cI")
_CHUNK = 65536
_FEW = 64
Frame = tuple[bytes, bytes]
"""Its kind, and what it holds."""


class Line:
    """One end."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.sending = False
        """Whether a frame is being written: an exception now would leave half of it."""
        self._unread = b""

    def send(self, kind: bytes, body: bytes = b"", descriptor: int | None = None) -> None:
        """Send a frame, all of it. Errors: OSError."""
        data = _HEAD.pack(kind, len(body)) + body
        self.sending = True
        try:
            if descriptor is not None:
                sent = socket.send_fds(self.socket, [data], [descriptor])
                data = data[sent:]
            self.socket.sendall(data)
        finally:
            self.sending = False

    def receive(self, descriptors: list[int]) -> list[Frame] | None:
        """The frames that have come, at least a part of one; None at the end. Errors: OSError, TimeoutError.

        Descriptors that come along are appended.
        """
        data, came, _, _ = socket.recv_fds(self.socket, _CHUNK, 1)
        descriptors += came
        if not data:
            return None
        self._unread += data
        frames, at = [], 0
        while len(self._unread) - at >= _HEAD.size:
            kind, size = _HEAD.unpack_from(self._unread, at)
            past = at + _HEAD.size + size
            if past > len(self._unread):
                break
            frames.append((kind, self._unread[at + _HEAD.size : past]))
            at = past
        self._unread = self._unread[at:]
        return frames

    def tell(self, letters: bytes) -> None:
        """Send letters, if the other side is there and takes them."""
        with suppress(OSError):
            self.socket.send(letters, socket.MSG_DONTWAIT)

    def letters(self) -> bytes:
        """The letters that have come, without waiting; also those that came behind a frame."""
        letters, self._unread = self._unread, b""
        try:
            return letters + self.socket.recv(_FEW, socket.MSG_DONTWAIT)
        except OSError:
            return letters

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def close_all(descriptors: list[int]) -> None:
    """Close descriptors that came along."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)
