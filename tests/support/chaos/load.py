"""The load of a chaos run: a thread that keeps a backlog of jobs of all kinds."""

import random
import threading
import time
from types import TracebackType
from typing import Self

import redis

from resqd.store.resque.encoding import encode
from tests.support.chaos import hostile
from tests.support.chaos.books import Books
from tests.support.chaos.jobs import KILLS

QUEUE = "resque:queue:work"
BACKLOG = 300
"""Jobs that wait in the queue while the load lasts."""


class Load:
    """Pushes while it is entered. A push without an answer may have been one, and the books say so."""

    def __init__(self, *, seed: int, client: redis.Redis, books: Books) -> None:
        self._choices = random.Random(seed)
        self._client = client
        self._books = books
        self._number = 0
        self._loading = True
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loading = False
        self._thread.join(30)

    def _run(self) -> None:
        while self._loading:
            try:
                room = BACKLOG - int(self._client.llen(QUEUE))
                if room > 0:
                    self._push([self._job() for _ in range(min(room, 50))])
            except redis.RedisError:
                time.sleep(0.05)  # Redis is being killed
            time.sleep(0.01)

    def _job(self) -> tuple[int, bytes]:
        """A number and its job: quick ones, some that take a while, some that fail, a few that harm their process."""
        self._number += 1
        lot, choices = self._choices.random(), self._choices
        if lot > 0.995:
            return self._number, hostile.payload(self._number, choices)
        name, args = "Nap", [choices.random() * 0.03]
        if lot < 0.1:
            name, args = "Raise", []
        elif lot < 0.101:
            name, args = "Poison", [int(choices.choice(KILLS))]
        elif lot < 0.1015:
            name, args = "Hold", [choices.choice((0.2, 1.0, 6.0))]
        elif lot < 0.102:
            name, args = "Choke", []
        elif lot < 0.112:
            name, args = "Again", []
        elif lot < 0.1125:
            name, args = "Late", []
        elif lot < 0.5:
            name, args = ("Few", [choices.random() * 0.01]) if lot < 0.16 else ("Nap", [0.0])
        elif lot > 0.98:
            args = [0.5]
        return self._number, encode(name, [self._number, *args], id=f"{self._number:032x}")

    def _push(self, jobs: list[tuple[int, bytes]]) -> None:
        numbers = {number for number, _ in jobs}
        self._books.unsure |= numbers
        with self._client.pipeline(transaction=True) as pipe:
            pipe.sadd("resque:queues", "work")
            pipe.rpush(QUEUE, *(payload for _, payload in jobs))
            pipe.execute()
        self._books.unsure -= numbers
        self._books.sure |= numbers
