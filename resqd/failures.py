"""What becomes of a failure: its backtrace, where its record goes, and what the application does about it after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resqd import events
from resqd.current import Here, bind_thread
from resqd.errors import DirtyExit, JobTimeout, PayloadError
from resqd.hooks import Hook, call, run_within
from resqd.retry import Again
from resqd.store.debts import owed_by
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.store.resque.backends import (
    DEFAULT_EXPIRE_GENERATION,
    FailureBackend,
    Place,
    Record,
    backend_of,
    place_of,
)
from resqd.store.resque.failure_record import describe
from resqd.store.resque.outcome import kept

if TYPE_CHECKING:
    from types import TracebackType

    from resqd.job import Job
    from resqd.store.debts import Debts
    from resqd.store.keys import Keys
    from resqd.store.resque.payload import Payload


OURS: Final = f"{Path(__file__).parent}/"
_KEPT: Final = 50
"""Frames kept at each end of a long backtrace, such as that of an endless recursion."""
_MAX_CAUSES: Final = 10
OVERRUN: Final = "Job ran out of time, and was killed with its process"


def backtrace_of(error: BaseException) -> list[str]:
    """FILE:LINE:in `NAME', innermost first as in Ruby; then each cause with its own frames."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_CAUSES:
        if seen:
            name, text = describe(current)
            lines.append(f"caused by {name}: {text[:200]}")
        lines += _frames(current.__traceback__)
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(OURS):
            lines.append(f"{code.co_filename}:{trace.tb_lineno}:in `{code.co_name}'")
        trace = trace.tb_next
    lines.reverse()
    if len(lines) <= 2 * _KEPT:
        return lines
    return [*lines[:_KEPT], f"... {len(lines) - 2 * _KEPT} more ...", *lines[-_KEPT:]]


@dataclass(slots=True, kw_only=True)
class FailurePolicy:
    """What an application wants done about failures; its callbacks get the record after it was kept."""

    backends: tuple[str | FailureBackend, ...] = ()
    """Names and objects; none means as the daemon's FAILURE_BACKEND says."""
    skip_failed_queue: bool = False
    """Whether failures are only counted, and no record kept, for all jobs."""
    on_failure: Callable[[Record], object] | None = None
    ignored: tuple[str | type[BaseException], ...] = ()
    """Exceptions, as classes or names in records, for which `on_failure` is not called."""
    expire_generation: int = DEFAULT_EXPIRE_GENERATION
    on_expire: Callable[[Record], object] | None = None
    """Called when a job fails in its generation `expire_generation`, that is after so many tries."""

    def notify(self, record: Record) -> None:
        """Call the callbacks that this record is for; what they raise is logged."""
        ignored = {name if isinstance(name, str) else name.__qualname__ for name in self.ignored}
        exception = str(record["exception"])
        if self.on_failure and not ignored & {exception, exception.rpartition(".")[2]}:
            call("failure callback", self.on_failure, record)
        if self.on_expire and record["payload"].get("generation", 1) == self.expire_generation:
            call("failure callback", self.on_expire, record)


def fewest_deliveries(jobs: Mapping[str, Job[..., Any]], default: int) -> int:
    """The smallest number of deliveries that applies to any job, where the daemon's setting is `default`."""
    own = [job.options.max_deliveries for job in jobs.values() if job.options.max_deliveries is not None]
    return min([default, *own])


class FailureRules:
    """The application's policy, where it says nothing the daemon's FAILURE_BACKEND, and the options of single jobs."""

    def __init__(
        self,
        *,
        policy: FailurePolicy,
        names: Iterable[str],
        jobs: Mapping[str, Job[..., Any]],
        keys: Keys,
        around: Sequence[Hook] = (),
    ) -> None:
        chosen = tuple(policy.backends) or tuple(names)
        self._policy = policy
        self._backend: FailureBackend = backend_of(chosen)
        self._own = any(not isinstance(backend, str) for backend in chosen)
        self._jobs = jobs
        self._keys = keys
        self._around = around

    @property
    def notifies(self) -> bool:
        """Whether the application has a callback for failures."""
        return self._policy.on_failure is not None or self._policy.on_expire is not None

    @property
    def foreign(self) -> bool:
        """Whether a backend is the application's own code, which may take its time."""
        return self._own

    @property
    def acts(self) -> bool:
        """Whether there is anything to do after a record was kept."""
        return self._own or self.notifies

    def place(self, queue: str, payload: Payload | None) -> Place | None:
        """The lists that take a record; None where no record is wanted, neither kept nor told."""
        if not self._skips(payload.job_class if payload else None):
            return place_of(self._backend, queue, self._keys)
        return Place(()) if self.notifies else None

    def owed(self, raw: bytes, payload: Payload | None) -> Debts:
        """What a job settles at its end: what its producer wrote, and its result where its code says so."""
        job = self._jobs.get(payload.job_class) if payload else None
        debts = owed_by(raw)
        return debts if job is None or payload is None else kept(debts, payload.id, job.options.keep_result)

    def hooked(self, payload: Payload | None, kind: str = "on_failure") -> bool:
        """Whether this job has such hooks of its own."""
        job = self._jobs.get(payload.job_class) if payload else None
        return job is not None and bool(job.hooks.of(kind))

    def after(self, record: bytes, crashed: Payload | None = None) -> None:
        """Let backends of the application's own save a record, and call its callbacks. What they raise is logged.

        `crashed`: the job whose process died, so that its on_failure hooks are still to be called. All of it runs
        inside of the hooks around jobs, and to them it is the failed job that runs.
        """
        told: Record = payloads.load(record)
        crashed = self._opened(crashed)
        bind_thread(Here(crashed or self._opened(_payload_of(told)), str(told["queue"])))
        try:
            run_within(self._around, lambda: self._tell(told, crashed))
        finally:
            bind_thread(None)

    def after_overrun(self, payload: Payload, queue: str, delay: float) -> None:
        """Call the on_retry hooks of a job whose process was killed for its timeout, as `after` does."""
        payload = self._opened(payload) or payload
        hooks, error = self._jobs[payload.job_class].hooks, JobTimeout(OVERRUN)
        bind_thread(Here(payload, queue))
        try:
            run_within(self._around, lambda: hooks.report(error, payload.args, lambda _: Again(delay)))
        finally:
            bind_thread(None)

    def _opened(self, payload: Payload | None) -> Payload | None:
        """The same with its arguments in clear, where they can be."""
        job = self._jobs.get(payload.job_class) if payload else None
        try:
            return payload if job is None or payload is None else job.opened(payload)
        except PayloadError:
            return payload

    def _tell(self, told: Record, crashed: Payload | None) -> None:
        if crashed is not None and self.hooked(crashed):
            kind = JobTimeout if told["exception"] == JobTimeout.__name__ else DirtyExit
            self._jobs[crashed.job_class].hooks.report_failure(kind(told["error"]), crashed.args)
        if not self._skips(told["payload"].get("class")):
            try:
                self._backend.save(told)
            except BaseException:  # noqa: BLE001 - the application's code; its callbacks are still called
                events.App.backend_failed(backend=self._backend)
        self._policy.notify(told)

    def _skips(self, job_class: str | None) -> bool:
        job = self._jobs.get(job_class) if job_class else None
        return self._policy.skip_failed_queue or (job is not None and job.options.skip_failed_queue)


def _payload_of(told: Record) -> Payload | None:
    try:
        return payloads.decode(encoding.dump(told["payload"]))
    except PayloadError:
        return None
