"""Unique jobs of a chaos run: few fingerprints, so that most that are put find the lock held."""

import random
import threading
import time
from types import TracebackType
from typing import Self

from resqd.errors import StoreError
from resqd.store.keys import Keys
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.encoding import encode, marked
from resqd.store.unique.locks import Claim, Locks, Terms
from resqd.unique import Unique
from tests.support.chaos.books import Books

FIRST = 2 * 10**8
"""Their numbers begin here, above those of all other jobs of a run."""
KINDS = 5
PAUSE = 0.01


class Once:
    """Works while it is entered. What got no answer may have been put, and the books say so."""

    def __init__(self, *, seed: int, url: str, books: Books) -> None:
        self._choices = random.Random(seed)
        self._books = books
        self._links = Links(ConnectionConfig.from_url(url))
        self._locks = Locks(self._links, Keys())
        self._number = FIRST
        self._loading = True
        self._thread = threading.Thread(target=self._run, name="once", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loading = False
        self._thread.join(30)
        self._links.close()

    def _run(self) -> None:
        while self._loading:
            try:
                self._put()
            except StoreError:
                time.sleep(0.05)  # Redis is being killed
            time.sleep(PAUSE)

    def _put(self) -> None:
        self._number = number = self._number + 1
        self._books.unsure.add(number)
        fingerprint, ticket = f"{number % KINDS:032x}", f"{number:032x}"
        name, args = self._choices.choice((("Nap", [0.0]), ("Nap", [0.05]), ("Raise", []), ("Again", [])))
        raw = marked(encode(name, [number, *args], id=ticket), Unique().marks(fingerprint, ticket))
        [holder] = self._locks.put("work", [Claim(fingerprint, ticket, raw)], Terms.of("skip", 0.0, 86_400.0))
        self._books.unsure.discard(number)
        if holder is None:
            self._books.sure.add(number)
