"""What becomes of a failure in the daemon: where its record goes, and what the application does about it after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from resqd.store import payload as payloads
from resqd.store.backends import FailureBackend, FailurePolicy, Place, Record, backend_of
from resqd.threads import NamedThread

if TYPE_CHECKING:
    from resqd.job import Job
    from resqd.store.keys import Keys
    from resqd.store.payload import Payload

_log = logging.getLogger(__name__)

MOST_WAITING = 1_000
"""Records that may wait for the application's code before the worker takes no more jobs."""


class FailureRules:
    """The application's policy, where it says nothing the daemon's FAILURE_BACKEND, and the options of single jobs."""

    def __init__(
        self,
        *,
        policy: FailurePolicy,
        names: Iterable[str],
        jobs: Mapping[str, Job[..., Any]],
        keys: Keys,
    ) -> None:
        chosen = tuple(policy.backends) or tuple(names)
        self._policy = policy
        self._backend: FailureBackend = backend_of(chosen)
        self._own = any(not isinstance(backend, str) for backend in chosen)
        self._jobs = jobs
        self._keys = keys

    @property
    def notifies(self) -> bool:
        """Whether the application has a callback for failures."""
        return self._policy.on_failure is not None or self._policy.on_expire is not None

    @property
    def acts(self) -> bool:
        """Whether there is anything to do after a record was kept."""
        return self._own or self.notifies

    def place(self, queue: str, payload: Payload | None) -> Place | None:
        """The lists that take a record; None where no record is wanted, neither kept nor told."""
        if not self._skips(payload.job_class if payload else None):
            return self._backend.place(queue, self._keys)
        return Place(()) if self.notifies else None

    def after(self, record: bytes) -> None:
        """Let backends of the application's own save a record, and call its callbacks. What they raise is logged."""
        told: Record = payloads.load(record)
        if not self._skips(told["payload"].get("class")):
            try:
                self._backend.save(told)
            except BaseException:  # noqa: BLE001 - the application's code; its callbacks are still called
                _log.exception("the failure backend %r failed", self._backend)
        self._policy.notify(told)

    def _skips(self, job_class: str | None) -> bool:
        job = self._jobs.get(job_class) if job_class else None
        return self._policy.skip_failed_queue or (job is not None and job.options.skip_failed_queue)


class Aftermath:
    """Runs the application's code for failures on a thread of its own, after Redis has confirmed each record.

    What it has not done when its process is killed is not done again. `eased` is called when `full` ends.
    """

    def __init__(self, *, rules: FailureRules, eased: Callable[[], object] = lambda: None) -> None:
        self._rules = rules
        self._eased = eased
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        self._thread: NamedThread | None = None

    @property
    def full(self) -> bool:
        """Whether so many failures wait that no more jobs should be begun."""
        return self._waiting.qsize() > MOST_WAITING

    def put(self, records: Iterable[bytes | None]) -> None:
        """Note records that are kept now; None is one that nobody wants. Called by one thread only."""
        if not self._rules.acts:
            return
        for record in records:
            if record is not None:
                self._waiting.put(record)
        if self._thread is None:
            self._thread = NamedThread(name="failures", target=self._work)
            self._thread.start()

    def close(self, timeout: float) -> None:
        """Wait at most so many seconds until all is done."""
        if self._thread is None:
            return
        self._waiting.put(b"")
        self._thread.join(timeout)
        if left := self._waiting.qsize():
            _log.error("%d failures were kept, but the application was not told of them in time", left)

    def _work(self) -> None:
        while record := self._waiting.get():
            try:
                self._rules.after(record)
            except BaseException:  # noqa: BLE001 - a thread's top: a callback's SystemExit must not end it
                _log.exception("a failure callback failed")
            if self._waiting.qsize() == MOST_WAITING:
                self._eased()
