"""The fetcher's talk with Redis: what is to be told, one exchange at a time, and when to try again."""

from __future__ import annotations

from collections.abc import Callable

from resqd.clock import Clock
from resqd.errors import Fenced, StoreError, StoreRefused
from resqd.store.backoff import Backoff
from resqd.store.health import OK, Health
from resqd.store.inflight import Exchanged, Inflight, Outbox, Want
from resqd.worker.sleeper import Sleeper


class Conversation:
    """Keeps what Redis must still be told in `outbox`; nothing leaves it before Redis has confirmed it.

    `kept` is called with the records of the failures that were confirmed.
    """

    def __init__(
        self,
        *,
        inflight: Inflight,
        health: Health,
        backoff: Backoff,
        sleeper: Sleeper,
        kept: Callable[[list[bytes | None]], None],
        clock: Clock,
    ) -> None:
        self.outbox = Outbox()
        self.unsure = False
        """Whether an exchange failed, so that jobs may be ours whose names we have not heard."""
        self.retry_at = float("-inf")
        """Before this moment there is no use in trying."""
        self._inflight = inflight
        self._health = health
        self._backoff = backoff
        self._sleeper = sleeper
        self._kept = kept
        self._clock = clock

    @property
    def healthy(self) -> bool:
        """Whether Redis answered the last time."""
        return self._health.text == OK

    def owes(self, token: int) -> bool:
        """Whether Redis has not confirmed this job's end. Any thread may ask."""
        outbox = self.outbox
        return token in outbox.done or any(failure.token == token for failure in tuple(outbox.failed))

    @property
    def parting(self) -> bool:
        """Whether what is still to be told may be told with the good-bye: successes only, and Redis answers."""
        outbox = self.outbox
        return not (self.unsure or outbox.failed or outbox.returned) and self.healthy

    def close(self, *, leaving: Callable[[], bool]) -> Exchanged | None:
        """Strike the incarnation out, however long Redis is away.

        None when told to leave meanwhile, unless there are outcomes that Redis does not know.
        """
        while True:
            try:
                closed = self._inflight.close(self.outbox.done)
            except Fenced:
                raise
            except StoreError as error:
                pause = self._pause(error)
                if leaving() and not self.outbox:
                    return None
                self._sleeper.sleep(pause, listen=False)
            else:
                self._good()
                return closed

    def exchange(self, want: Want | None) -> Exchanged | None:
        """Tell, and reserve; None when that failed and must be tried again. Errors: Fenced.

        A batch whose reply was lost comes with the next exchange, whatever that asks for.
        """
        records = [failure.record for failure in self.outbox.failed]
        try:
            exchanged = self._inflight.exchange(self.outbox, want)
        except Fenced:
            raise
        except StoreError as error:
            self.unsure = True
            self.failed(error)
            exchanged = None
        if records and not self.outbox.failed:  # Redis has confirmed them, maybe nothing else
            self._kept(records)
        if exchanged is not None:
            self.unsure = False
            self._good()
        return exchanged

    def failed(self, error: StoreError) -> None:
        """Note that Redis did not answer as it should: it is asked again after a pause."""
        self.retry_at = self._clock() + self._pause(error)

    def _pause(self, error: StoreError) -> float:
        self._health.bad(error)
        return self._backoff.delay(refused=isinstance(error, StoreRefused))

    def _good(self) -> None:
        self._health.good()
        self._backoff.reset()
