"""The housekeeper's control thread: reads the channel, passes orders to the other threads, and their words up."""

from __future__ import annotations

import contextlib
import os
import selectors
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resqd import events
from resqd.errors import ChannelClosed, ProtocolError
from resqd.housekeeper.keepers import Keepers
from resqd.housekeeper.orphans import Siblings
from resqd.housekeeper.pause_files import PauseFiles
from resqd.housekeeper.statsd import Metrics
from resqd.threads import NamedThread
from resqd.wire.channel import Channel
from resqd.wire.messages import (
    Alive,
    Booted,
    Death,
    Drain,
    Message,
    Ping,
    Pong,
    Stop,
)


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


ORPHANED = "orphaned"
"""The reason of a housekeeper whose master is gone."""
REPLACED = "replaced"
"""The reason of a housekeeper that leaves its place to another, as at a reload: the daemon stays registered."""
_END: dict[type[Message], str] = {Drain: REPLACED, Stop: "stopped"}
"""What ends the housekeeper, and the reason that it gives."""
FAREWELL = 2.0
"""Seconds that the good-bye to Redis may take when the daemon ends or the master is gone."""
STUCK = 15.0
"""Seconds at one work after which the keeper hangs; Redis's silence ends within 10."""
LAST_METRICS = 0.5
"""Seconds that the last metrics may take; statsd's host may be slow to find."""


Hearers = Mapping[type[Message], Sequence[Callable[[Any], object]]]
"""Who is told of the master's messages, by their types."""


class Control:
    """The housekeeper's main thread. It answers the master while Redis hangs.

    `metrics` are statsd's; `grace` is how long the workers may take to end after their master, in seconds.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        keepers: Keepers,
        hearers: Hearers,
        metrics: Metrics | None,
        pause_files: PauseFiles,
        voice: Voice,
        siblings: Siblings,
        grace: float,
    ) -> None:
        self._channel = channel
        self._keepers = keepers
        self._hearers = hearers
        self._metrics = metrics
        self._pause_files = pause_files
        self._voice = voice
        self._siblings = siblings
        self._grace = grace
        self._deaths: tuple[Death, ...] = ()
        self._selector = selectors.DefaultSelector()

    def run(self) -> str:
        """Run until told to leave or the master is gone; the reason."""
        self._keepers.start()
        NamedThread(name="pause files", target=self._pause_files.run).start()
        sender = self._start_metrics()
        self._selector.register(self._channel, selectors.EVENT_READ, self._hear)
        self._selector.register(self._voice.descriptor, selectors.EVENT_READ, self._speak)
        self._channel.send(Booted())
        reason = ""
        while not reason:
            for key, _ in self._selector.select():
                reason = key.data() or reason
        if reason == ORPHANED:
            self._outlive()
        self._keepers.leave(FAREWELL, final=reason != REPLACED)
        if self._metrics is not None and sender is not None:
            self._metrics.leave()
            sender.join(LAST_METRICS)
        self._speak()
        return reason

    def _outlive(self) -> None:
        """The master is dead: beat on while its workers end, see to it that they do, then bring back what they held.

        Before a worker's end nobody may take its jobs, for they may run; after it nobody else here would.
        """
        if not self._siblings.orphaned():
            events.Housekeeper.channel_broken()
        elif self._siblings.outlive(self._grace):
            self._keepers.order(Alive(sys.maxsize, (), self._deaths))

    def _start_metrics(self) -> NamedThread | None:
        if self._metrics is None:
            return None
        sender = NamedThread(name="statsd", target=self._metrics.run)
        sender.start()
        return sender

    def _hear(self) -> str:
        try:
            messages = self._channel.receive()
        except (ChannelClosed, ProtocolError):
            return ORPHANED
        for message in messages:
            if reason := _END.get(type(message)):
                return reason
            self._take(message)
        return ""

    def _take(self, message: Message) -> None:
        if isinstance(message, Alive):
            self._keepers.order(message)
            self._deaths = message.deaths
        elif isinstance(message, Ping):
            self._answer()
        for hear in self._hearers.get(type(message), ()):
            hear(message)

    def _answer(self) -> None:
        """A Pong, unless the keeper's thread hangs: without an answer the master replaces this process."""
        stuck_for = self._keepers.stuck_for()
        if stuck_for < STUCK:
            self._channel.send(Pong())
        else:
            events.Housekeeper.stuck(seconds=stuck_for)

    def _speak(self) -> str:
        for message in self._voice.take():
            self._channel.send(message)
        return ""
