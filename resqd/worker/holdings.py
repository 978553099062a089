"""The jobs that a worker holds: reserved, handed to its threads, not yet settled; and what the threads make of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection
from itertools import repeat, starmap
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from resqd import events
from resqd.store.inflight.owner import Dismiss, Failure, Postpone, Reservation
from resqd.store.resque.payload import Payload
from resqd.worker.held import Arrivals, Capped
from resqd.worker.journal import Journal
from resqd.worker.prefetch import STUCK_AFTER

Done = tuple[int, str, float, float, float | None]
"""A job that succeeded, when metrics are wanted; else the bare token stands for it. A bare tuple, since it is made
for each job: token, class, when it began and ended (monotonic), when it was enqueued (seconds since 1970)."""


class Failed(NamedTuple):
    """A job that did not succeed, with what is to be recorded of it."""

    token: int
    payload: Payload | None
    failure: Failure
    began: float
    ended: float


class Unfinished(NamedTuple):
    """A job that was interrupted because its process leaves, and goes back to its queue uncharged."""

    token: int


class Lent(NamedTuple):
    """A job that its thread is done with and the event loop runs: its outcome comes from there."""

    token: int


class Settled(NamedTuple):
    """A job that is to run later, or has ended in another way than by a plain success or a failure."""

    token: int
    payload: Payload | None
    settlement: Postpone | Dismiss
    began: float
    ended: float


Outcome = int | Done | Failed | Lent | Settled | Unfinished


class Outcomes(NamedTuple):
    """Outcomes that were collected, each token once: those that succeeded, their times where wanted, and the others."""

    done: list[int]
    timed: list[Done]
    failed: list[Failed]
    settled: list[Settled]


class Mark:
    """What may stand between reservations in the buffer: HALF rings the fetcher, LAST ends a thread."""


HALF = Mark()
LAST = Mark()
Buffer = SimpleQueue[Reservation | Mark]


class Hand:
    """What one thread has taken out of the buffer and not done with: `items` has one at the most.

    `next` of `take` takes at once or raises Empty, `next` of `wait` waits for something: one call of C code each, so
    that no exception from outside can come between the taking and the holding.
    """

    __slots__ = ("buffer", "items", "take", "wait")

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.items: list[Reservation | Mark] = []
        put = self.items.append
        self.take = map(put, starmap(buffer.get_nowait, repeat(())))
        self.wait = map(put, starmap(buffer.get, repeat(())))


class Holdings:
    """The buffer that threads take from, and the set of tokens without an outcome."""

    def __init__(self, *, capped: Collection[str]) -> None:
        self.journal = Journal()
        self.buffer: Buffer = SimpleQueue()
        self.outcomes: deque[Outcome] = deque()
        self.recalled = False
        """Whether the control thread has taken something out of the buffer that is not taken back yet."""
        self.spared: set[int] = set()
        """The jobs that go back to their queues where an interrupt ends them; written by the control thread."""
        self.lent: set[int] = set()
        """The jobs that the event loop has; a job thread adds, the fetcher takes away what has ended."""
        self.lent_begun: set[int] = set()
        """Those of them whose code has begun; the loop adds."""
        self._recalled: deque[int] = deque()
        self._unfinished: set[int] = set()
        self._capped = Capped(capped)
        self.ended = 0
        """How many jobs have had an outcome."""
        self.behind: frozenset[int] = frozenset()
        """The jobs that were given up and run on."""
        self._closed = False  # LAST marks are in the buffer
        self._arrivals = Arrivals()
        self._lost: frozenset[int] = frozenset()

    def __len__(self) -> int:
        """How many jobs have no outcome yet."""
        return len(self._unfinished)

    def holds(self, token: int) -> bool:
        """Whether a job has no outcome yet. Any thread may ask."""
        return token in self._unfinished

    @property
    def by_queue(self) -> Counter[str]:
        """How many jobs of each capped queue are held."""
        return self._capped.held

    @property
    def tokens(self) -> frozenset[int]:
        """The jobs that have no outcome yet, or were given up: nobody else may have these before the process ends."""
        return self.behind.union(self._unfinished)

    def at_large(self) -> set[int]:
        """The tokens that threads have, or can take: neither taken back out of the buffer nor with an outcome.

        Any thread may ask. A token that the fetcher moves just now may still be among them; one that a thread
        has is never left out, since each step here is one call in C, and tokens go one way only.
        """
        tokens = self._unfinished.copy()
        tokens.difference_update(self._recalled)
        tokens.difference_update(self.lent_begun.copy())
        tokens.difference_update([out if isinstance(out, int) else out[0] for out in list(self.outcomes)])
        return tokens

    def take_in(self, batch: list[Reservation], now: float) -> None:
        """Hand a batch to the threads, with a mark at its half: there the fetcher should think of the next."""
        self._arrivals.note(len(batch), now)
        self._unfinished.update([token for token, _, _ in batch])
        self._capped.take_in(batch)
        half = len(batch) // 2
        put = self.buffer.put
        exhaust = deque[None](maxlen=0).extend  # the loop runs in C
        exhaust(map(put, batch[:half]))
        if half:
            put(HALF)
        exhaust(map(put, batch[half:]))

    @property
    def on_threads(self) -> int:
        """How many jobs have no outcome yet, and need a thread or have one."""
        return len(self._unfinished) - len(self.lent)

    @property
    def cursors_at(self) -> float:
        """When there are cursors to be told, in monotonic seconds."""
        return self.journal.next_at

    def cursors(self, *, ended: bool) -> dict[int, bytes]:
        """How far jobs have come, where it is time to tell that; those that have `ended`, or go back, take it along."""
        return self.journal.take(ended=ended or self.recalled)

    def buffered(self, slots: int) -> int:
        """How many jobs wait behind as many threads as there are slots."""
        return max(0, self.on_threads - slots)

    def stuck(self, slots: int, now: float) -> bool:
        """Whether a job has waited too long behind busy threads: another worker may be idle."""
        oldest = self._arrivals.oldest(self.buffered(slots))
        return oldest is not None and now - oldest >= STUCK_AFTER

    def finish(self, threads: int) -> None:
        """Let the threads end when they have run what is in the buffer. Once said, it stands until a take-back."""
        if not self._closed:
            self._closed = True
            for _ in range(threads):
                self.buffer.put(LAST)

    def recall(self) -> None:
        """Take what no thread has begun out of the buffer, LAST marks included; called by the control thread.

        It does so at a stop or a pause, because the fetcher may be waiting for Redis just then.
        """
        self._empty_buffer()
        self.recalled = True

    def take_back(self) -> list[int]:
        """What was recalled, and all else that no thread has begun: the tokens, in order."""
        self.recalled = False  # first: what is recalled from here on is for the next time
        self._empty_buffer()
        tokens = []
        while self._recalled:
            tokens.append(self._recalled.popleft())
        self._closed = False  # the LAST marks were taken out as well
        self._arrivals.clear()
        tokens = sorted(
            self._unfinished.intersection(tokens)
        )  # two threads may have emptied the buffer by turns
        self._forget(tokens)
        return tokens

    def drop(self, lost: Collection[int]) -> tuple[list[int], int]:
        """Take back what has not begun, if jobs are newly lost: the tokens that are not, in order, and how many are.

        Those are forgotten. `lost` holds all held jobs that Redis has lost; those that run are news only once.
        """
        news, self._lost = frozenset(lost) - self._lost, frozenset(lost)
        if not news:
            return [], 0
        waiting = self.take_back()
        kept = [token for token in waiting if token not in self._lost]
        dropped = len(waiting) - len(kept)
        events.Worker.jobs_lost(count=len(news), begun=len(news) - dropped, dropped=dropped)
        return kept, dropped

    def _empty_buffer(self) -> None:
        try:
            while True:
                item = self.buffer.get_nowait()
                if not isinstance(item, Mark):
                    self._recalled.append(item[0])
        except Empty:
            return

    def abandon(self) -> list[int]:
        """Give up every job without an outcome, running ones too: the tokens, in order."""
        tokens = sorted(self._unfinished)
        self._forget(tokens)
        self.behind = self.behind.union(tokens)
        return tokens

    def settle(self) -> Outcomes:
        """Collect the outcomes."""
        fresh = self._drain()
        bare = [outcome for outcome in fresh if isinstance(outcome, int)]
        timed: list[Done] = []
        failed: list[Failed] = []
        settled: list[Settled] = []
        if len(bare) != len(fresh):
            held = self._unfinished
            told = {outcome[0]: outcome for outcome in fresh if not isinstance(outcome, int | Lent)}
            unfinished: list[Unfinished] = []
            kinds: dict[type, list[Any]] = {Failed: failed, Settled: settled, Unfinished: unfinished}
            for token, outcome in told.items():
                if token in held:
                    kinds.get(type(outcome), timed).append(outcome)
            self._recalled.extend([outcome.token for outcome in unfinished])
            self.recalled = self.recalled or bool(unfinished)
            bare += [outcome[0] for outcome in timed]
        done = list(self._unfinished.intersection(bare))
        self._forget(done)
        self._forget([outcome.token for outcome in failed])
        self._forget([outcome.token for outcome in settled])
        self.ended += len(done) + len(failed) + len(settled)
        return Outcomes(done, timed, failed, settled)

    def _drain(self) -> list[Outcome]:
        outcomes = self.outcomes  # others only append
        return [*starmap(outcomes.popleft, repeat((), len(outcomes)))]

    def _forget(self, tokens: list[int]) -> None:
        self._unfinished.difference_update(tokens)
        self.journal.forget(tokens)
        if self.lent:
            self.lent.difference_update(tokens)
            self.lent_begun.difference_update(tokens)
        self._capped.forget(tokens)
