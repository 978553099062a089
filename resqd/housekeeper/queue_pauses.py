"""Looks which queues people have paused, here or in Ruby, and tells the master, which tells the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from resqd.store.redis.link import Link
from resqd.store.resque.pauses import Paused, PauseKeys, look
from resqd.store.resque.served import Served
from resqd.wire.messages import Message, QueuePauses

LOOK_EVERY = 0.9
"""Seconds between two looks: a pause is known within a second."""
TELL_EVERY = 10
"""Looks after which Redis is asked, and the master told, although nothing changed: something may have been missed."""


class Hearing(Protocol):
    """Tells of writes to the keys of pauses: the doorbell."""

    @property
    def armed(self) -> bool:
        """Whether it hears them now."""

    @property
    def pause_writes(self) -> int:
        """A number that changes with each."""


class PauseWatch:
    """`say` takes the news. Owned by the keeper's thread. While the doorbell listens an idle daemon asks nothing."""

    def __init__(
        self,
        *,
        link: Link,
        hearing: Hearing,
        namespace: str,
        served: Served,
        say: Callable[[Message], None],
    ) -> None:
        self._link = link
        self._hearing = hearing
        self._heard: int | None = None
        self._keys = PauseKeys(namespace)
        self._served = served
        self._say = say
        self._told: Paused | None = None
        self._looks = 0

    def look(self) -> None:
        """Tell the master what is paused, when that changed. May raise a StoreError."""
        self._looks += 1
        if not self._worth_it():
            return
        found = look(self._link.call, self._keys, self._served.names())
        if found != self._told or self._looks % TELL_EVERY == 0:
            self._told = found
            self._say(QueuePauses(found.queues, found.by_key))

    def _worth_it(self) -> bool:
        """Whether something may have changed since the last look."""
        heard = self._hearing.pause_writes if self._hearing.armed else None
        before, self._heard = self._heard, heard
        return heard is None or heard != before or self._looks % TELL_EVERY == 0
