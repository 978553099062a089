"""What the children say about Redis, told in the log once: when it goes wrong, and when all are well again."""

from __future__ import annotations

import logging

from resqd.clock import Clock
from resqd.wire.messages import REDIS_OK

_log = logging.getLogger(__name__)


class Outage:
    """One outage at a time, whoever sees it. Its text changes as it goes on; that is for `status`, not for the log."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._troubled: set[int] = set()
        self._since: float | None = None

    def note(self, fork: int, text: str) -> None:
        """Note what a child says about Redis. It is over when one says that all is well, and nobody else disagrees."""
        if text != REDIS_OK:
            self._troubled.add(fork)
            if self._since is None:
                self._since = self._clock()
                _log.warning("%s; trying again until it is back", text)
            return
        self._troubled.discard(fork)
        if self._since is not None and not self._troubled:
            _log.info("Redis is back after %.1f s", self._clock() - self._since)
            self._since = None

    def forget(self, fork: int) -> None:
        """A child is dead: its trouble is no more, but only another's word ends the outage."""
        self._troubled.discard(fork)
