"""What the housekeeper's threads have to say to the master: kept until the control thread sends it."""

from __future__ import annotations

import contextlib
import os
from collections import deque

from resqd.wire.messages import Message


class Voice:
    """Any thread may `say`; `descriptor` is readable while there is something to `take`."""

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._said: deque[Message] = deque()

    def say(self, message: Message) -> None:
        """Keep a message for the master."""
        self._said.append(message)
        os.eventfd_write(self.descriptor, 1)

    def take(self) -> list[Message]:
        """What was said since the last call, in order. The descriptor is read first: what comes later rings again."""
        with contextlib.suppress(BlockingIOError):  # nothing new
            os.eventfd_read(self.descriptor)
        taken = []
        while self._said:
            taken.append(self._said.popleft())
        return taken
