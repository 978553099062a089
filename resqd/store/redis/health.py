"""How Redis is, as one owner sees it: what went wrong, when to try again, and which of its settings may lose jobs."""

from __future__ import annotations

from collections.abc import Callable

from resqd import events
from resqd.clock import Clock
from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.names import to_text
from resqd.store.redis.link import Link
from resqd.wire.messages import REDIS_OK, REDIS_REFUSED


class Backoff:
    """Pauses that double from 0.05 s to 4 s, jittered so that a fleet does not return in step.

    With the longest one jobs still run within 5 s of Redis's return, as promised.

    `random` returns floats in [0, 1).
    """

    FIRST = 0.05
    CEILING = 4.0
    REFUSED = 5.0

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next = self.FIRST

    def delay(self, *, refused: bool = False) -> float:
        """Seconds to wait now. A refusal needs a person, so it waits longest from the start."""
        if refused:
            return self.REFUSED
        pause = self._next
        self._next = min(pause * 2, self.CEILING)
        return pause * (0.5 + 0.5 * self._random())

    def reset(self) -> None:
        """Redis answered: the next pause is a short one again."""
        self._next = self.FIRST


def shortcomings(link: Link, *, embedded: bool) -> list[str]:
    """One line for each setting of the server that may lose jobs. Errors: StoreUnavailable.

    `embedded`: it is resqd's own, which always keeps its files.
    """
    lines = []
    policy = _setting(link, "maxmemory-policy")
    if policy not in (None, "noeviction"):
        lines.append(
            f"Redis drops keys when its memory is full (maxmemory-policy {policy}): set it to noeviction"
        )
    if not embedded and _setting(link, "appendonly") == "no" and _setting(link, "save") == "":
        lines.append("Redis keeps nothing on disk: jobs are lost when it ends; turn on appendonly, or save")
    return lines


def _setting(link: Link, name: str) -> str | None:
    """A setting of the server; None where CONFIG is refused or has no such setting, as with hosted ones."""
    try:
        reply = link.call("CONFIG", "GET", name)
    except StoreUnavailable:
        raise
    except StoreError:
        return None
    return to_text(reply[1]) if reply else None


class Health:
    """The last word about Redis: `text` is "ok" or the error, `since` the clock's seconds of its beginning."""

    def __init__(self, *, where: str, clock: Clock) -> None:
        self._where = where
        self._clock = clock
        self.text = REDIS_OK
        self.since = clock()

    @property
    def ok(self) -> bool:
        """Whether Redis answered last time."""
        return self.text == REDIS_OK

    def good(self) -> None:
        """Note an answer."""
        if not self.ok:
            events.Store.redis_back(where=self._where, seconds=self._clock() - self.since)
            self._turn(REDIS_OK)

    def bad(self, error: StoreError) -> None:
        """Note a failure; it is noted when it differs from the last one."""
        text = " ".join(str(error).split()).rstrip(".")
        told = f"{REDIS_REFUSED}{text}" if isinstance(error, StoreRefused) else text
        if self.text != told:
            place = "" if self._where in text else f"redis at {self._where}: "
            events.Store.redis_lost(error=f"{place}{text}")
            self._turn(told)

    def _turn(self, text: str) -> None:
        self.text = text
        self.since = self._clock()
