"""What became of a job, for whoever enqueued it: its state and what it returned, looked up or waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resqd.errors import JobFailed
from resqd.store.resque.outcome import PENDING, Outcome, State, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.store.resque.store import Store


class Result:
    """One job's end, by its id; it is looked up anew until it is there, and then stays.

    Only jobs with `keep_result` have one, for so many seconds. "pending" means that nothing is known: the job has not
    ended, has no such option, or its result is forgotten.
    """

    def __init__(self, store: Store, job_id: str, opened: Callable[[Any], Any] = lambda value: value) -> None:
        """`opened` decrypts what is encrypted of a value."""
        self.id = job_id
        self._store = store
        self._opened = opened
        self._outcome = PENDING

    def __repr__(self) -> str:
        return f"<Result of {self.id}: {self._outcome.state}>"

    @property
    def state(self) -> State:
        """Whether it is pending, done, failed, discarded, expired, or removed from where it waited."""
        return self._look().state

    @property
    def value(self) -> Any:
        """What the job has returned, after its way through JSON; None where it has not."""
        return self._opened(self._look().value)

    @property
    def error(self) -> str | None:
        """The type and text of what it failed with; or why what it returned could not be kept."""
        return self._look().error

    def wait(self, timeout: float | None) -> Any:
        """Sleep until the job has ended, up to so many seconds (None: for ever), and return what it returned.

        Nothing is asked meanwhile: Redis tells of it. Errors: TimeoutError; JobFailed where it has ended otherwise;
        StoreError.
        """
        if not self._look().ended:
            ended = self._store.expect_result(self.id)
            try:
                self._outcome = read(ended.result(timeout))
            except TimeoutError:
                raise TimeoutError(self._waited(timeout)) from None
            finally:
                self._store.forget_result(self.id, ended)
        return self._returned()

    async def wait_async(self, timeout: float | None) -> Any:
        """The same for a task on an event loop, which goes on meanwhile."""
        import asyncio  # noqa: PLC0415 - who has a loop has it; all others are spared its 5 MB

        if not self._outcome.ended:
            ended = self._store.expect_result(
                self.id
            )  # also where it has ended already: the loop must not block
            try:
                self._outcome = read(await asyncio.wait_for(asyncio.wrap_future(ended), timeout))
            except TimeoutError:
                raise TimeoutError(self._waited(timeout)) from None
            finally:
                self._store.forget_result(self.id, ended)
        return self._returned()

    def _waited(self, timeout: float | None) -> str:
        return f"job {self.id} has not ended within {timeout:g} s" if timeout is not None else ""

    def _returned(self) -> Any:
        state, value, error = self._outcome
        if state != "done":
            raise JobFailed(
                f"job {self.id} has {_TOLD.get(state, state)}{f': {error}' if error else ''}", state
            )
        return self._opened(value)

    def _look(self) -> Outcome:
        if not self._outcome.ended:
            self._outcome = read(self._store.result(self.id))
        return self._outcome


_TOLD = {"removed": "been removed", "discarded": "been discarded"}
