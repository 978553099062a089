"""Batches of a chaos run: small ones, whose jobs succeed, fail or are tried again, with both callbacks."""

import random
import threading
import time
from types import TracebackType
from typing import Self

from resqd.application.gathering import belonging
from resqd.errors import StoreError
from resqd.store.batches.filling import Facts, Filler, Item, Lineage, entry_of
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.encoding import encode, new_id
from tests.support.chaos.books import Books, Together

FIRST = 4 * 10**8
"""Their numbers begin here, above those of all other jobs of a run, unique ones too (once.py)."""
PAUSE = 0.1
KINDS = ("Nap", "Nap", "Nap", "Raise", "Again")


class Batching:
    """Makes batches while it is entered. What got no answer may have been made, and the books say so."""

    def __init__(self, *, seed: int, url: str, books: Books) -> None:
        self._choices = random.Random(seed)
        self._books = books
        self._link = Link(ConnectionConfig.from_url(url))
        self._number = FIRST
        self._loading = True
        self._thread = threading.Thread(target=self._run, name="batching", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loading = False
        self._thread.join(30)
        self._link.close()

    def _run(self) -> None:
        while self._loading:
            try:
                self._make()
            except StoreError:
                time.sleep(0.05)  # Redis is being killed
            time.sleep(PAUSE)

    def _make(self) -> None:
        done, success, *members = range(self._number, self._number + self._choices.randint(2, 8))
        self._number = max(done, success, *members) + 1
        batch_id = new_id()
        made = Together(frozenset(members), done, success)
        self._books.unsure |= {done, success, *members}
        facts = Facts("chaos", _callback(success), _callback(done))
        items = [
            Item("work", _id(number), belonging(self._job(number), "batch", f"{_id(number)} {batch_id}"))
            for number in members
        ]
        Filler(self._link, Keys(), Lineage((batch_id,)), facts=facts).add((), items, seal=True)
        self._books.unsure -= {done, *members}
        self._books.sure |= {done, *members}
        self._books.together.append(made)

    def _job(self, number: int) -> bytes:
        return encode(self._choices.choice(KINDS), [number], id=_id(number))


def _callback(number: int) -> tuple[str, bytes]:
    return _id(number), entry_of("work", encode("Nap", [number, 0.0], id=_id(number)))


def _id(number: int) -> str:
    return f"{number:032x}"
