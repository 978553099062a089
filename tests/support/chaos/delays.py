"""Jobs of a chaos run that run later: put, and some of them cancelled, moved or run at once while they wait."""

import random
import threading
import time
from types import TracebackType
from typing import Self

from resqd.errors import StoreError
from resqd.store.keys import Keys
from resqd.store.later.later import Later, Schedule, When
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.encoding import encode
from tests.support.chaos.books import Books

FIRST = 10**8
"""Their numbers begin here, above those of all other jobs of a run."""
LONGEST = 3.0
"""Seconds for which one may wait."""
PAUSE = 0.02


class Delays:
    """Works while it is entered. What got no answer may have been done, and the books say so."""

    def __init__(self, *, seed: int, url: str, books: Books) -> None:
        self._choices = random.Random(seed)
        self._books = books
        config = ConnectionConfig.from_url(url)
        self._links, self._link = Links(config), Link(config)
        self._schedule = Schedule(self._links, Keys())
        self._later = Later(self._link, Keys())
        self._number = FIRST
        self._waiting: list[int] = []
        self._loading = True
        self._thread = threading.Thread(target=self._run, name="delays", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loading = False
        self._thread.join(30)
        self._link.close()
        self._links.close()

    def _run(self) -> None:
        while self._loading:
            try:
                self._put()
                self._change()
            except StoreError:
                time.sleep(0.05)  # Redis is being killed
            time.sleep(PAUSE)

    def _put(self) -> None:
        numbers = range(self._number, self._number + self._choices.randint(1, 4))
        self._number = numbers.stop
        self._books.unsure |= {*numbers}
        jobs = [(_id(number), encode("Nap", [number, 0.0], id=_id(number))) for number in numbers]
        self._schedule.put("work", jobs, When.after(self._choices.uniform(0, LONGEST)))
        self._books.unsure -= {*numbers}
        self._books.sure |= {*numbers}
        self._waiting = [*self._waiting, *numbers][-200:]

    def _change(self) -> None:
        """Most of those that are chosen wait yet, some are due at this moment, and some have gone."""
        number, lot = self._choices.choice(self._waiting), self._choices.random()
        if lot < 0.4:
            self._books.perhaps_cancelled.add(number)
            if self._later.cancel([_id(number)]):
                self._books.cancelled.add(number)
            self._books.perhaps_cancelled.discard(number)
        elif lot < 0.6:
            self._later.run_now([_id(number)])
        elif lot < 0.8:
            self._later.move([_id(number)], When.after(self._choices.uniform(0, LONGEST)))


def _id(number: int) -> str:
    return f"{number:032x}"
