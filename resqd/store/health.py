"""How Redis is, as one owner sees it: the master tells it in the log, once for all."""

from __future__ import annotations

import logging

from resqd.clock import Clock
from resqd.errors import StoreError

_log = logging.getLogger(__name__)
OK = "ok"


class Health:
    """The last word about Redis: `text` is "ok" or the error, `since` the clock's seconds of its beginning."""

    def __init__(self, *, where: str, clock: Clock) -> None:
        self._where = where
        self._clock = clock
        self.text = OK
        self.since = clock()

    def good(self) -> None:
        """Note an answer."""
        if self.text != OK:
            _log.debug("redis at %s is back after %.1f s", self._where, self._clock() - self.since)
            self._turn(OK)

    def bad(self, error: StoreError) -> None:
        """Note a failure; it is noted when it differs from the last one."""
        text = " ".join(str(error).split()).rstrip(".")
        if self.text != text:
            place = "" if self._where in text else f"redis at {self._where}: "
            _log.debug("%s%s; trying again", place, text)
            self._turn(text)

    def _turn(self, text: str) -> None:
        self.text = text
        self.since = self._clock()
