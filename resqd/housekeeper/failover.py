"""Hears of a failover, and has every process of the daemon drop its links, which wait for the server that is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from resqd import events
from resqd.errors import StoreError
from resqd.store.redis.failover import Watch
from resqd.wire.messages import Message, Relocated

_PAUSE: Final = 1.0
"""Seconds between two tries to hear; others than we see to it that the server is found."""


class FailoverWatch:
    """On a thread of its own, which lives as long as the process. `drops` are this process's own links."""

    def __init__(
        self,
        *,
        watch: Watch,
        say: Callable[[Message], None],
        drops: Sequence[Callable[[], None]],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._watch = watch
        self._say = say
        self._drops = drops
        self._sleep = sleep

    def run(self) -> None:
        """Listen for ever."""
        while True:
            self.listen()

    def listen(self) -> None:
        """Wait for one failover, and act on it."""
        try:
            self._watch.wait()
        except (StoreError, OSError):
            self._sleep(
                _PAUSE
            )  # who watches over Redis has no say in whether it answers: the keeper tells that
            return
        events.Housekeeper.redis_moved()
        self._say(Relocated())
        for drop in self._drops:
            drop()
