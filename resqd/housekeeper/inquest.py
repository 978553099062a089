"""The inquest into a dead incarnation: what it held, the application's rules and records, the verdicts carried out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Generic, TypeVar

from resqd import events
from resqd.app import App
from resqd.errors import PayloadError
from resqd.failures import FailureRules, fewest_deliveries
from resqd.housekeeper.verdicts import Judge, Rule
from resqd.settings import Settings
from resqd.store.inflight.incarnation import Incarnation
from resqd.store.inflight.recovery import Convict, Held, Recovered, Recovery
from resqd.store.keys import Keys
from resqd.store.resque.backends import Place
from resqd.store.resque.failure_record import WHOLE_PAYLOAD, build_record
from resqd.store.resque.payload import Payload, decode
from resqd.threads import NamedThread
from resqd.wire.messages import Death

T = TypeVar("T")

ANSWER_WITHIN = 1.0
"""Seconds that the application's code may take for an answer, while the heartbeat waits."""


class Patience(Generic[T]):
    """Asks one kind of question; owned by one thread. Whoever is stuck is asked nothing more until he is done."""

    def __init__(self, *, what: str, within: float = ANSWER_WITHIN) -> None:
        self._what = what
        self._within = within
        self._stuck: threading.Thread | None = None

    def ask(self, question: Callable[[], T], default: T) -> T:
        """The answer; the default where there is none in time, or an earlier question is still unanswered."""
        if self._stuck is not None and self._stuck.is_alive():
            return default
        answers: list[T] = []
        thread = NamedThread(name="asked", target=lambda: answers.append(question()))
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            return default
        thread.join(self._within)
        self._stuck = thread if thread.is_alive() else None
        if self._stuck is not None:
            events.Housekeeper.unanswered(who=self._what, seconds=self._within)
        return answers[0] if answers else default


_CLASS = re.compile(rb'[ \t\r\n]*\{(?:"\w+":[0-9]+,)*[ \t\r\n]*"class"[ \t\r\n]*:[ \t\r\n]*"([^"\\]+)"')
"""The class in the beginning of a payload, where all producers known to us put it."""


class Culprits:
    """Rules and records for crashed jobs: the job's own options, else the daemon's settings."""

    def __init__(self, *, settings: Settings, app: App, rules: FailureRules, worker_id: str) -> None:
        self._settings = settings
        self._app = app
        self._rules = rules
        self._worker = worker_id
        self._placing: Patience[Place | None] = Patience(what="place() of the application's failure backend")

    @cached_property
    def patience(self) -> int:
        """How many losses decide the fate of the job that may be lost the fewest times."""
        return fewest_deliveries(self._app.jobs, self._settings.max_deliveries)

    def rule(self, held: Held) -> Rule:
        """What applies to this job."""
        payload = _decoded(held)
        job = self._app.jobs.get(payload.job_class) if payload else None
        on_crash = (job.options.on_crash if job else None) or self._settings.on_crash
        most = (job.options.max_deliveries if job else None) or self._settings.max_deliveries
        return Rule(fail=on_crash == "fail", most=most)

    def convict(self, held: Held, why: str) -> Convict:
        """The record of this job as DirtyExit, and the lists that take it."""
        payload = _decoded(held)
        place = self._place(held.queue, payload) or Place(())
        return Convict(self._record(held, payload, why), place.lists, place.member or "")

    def _place(self, queue: str, payload: Payload | None) -> Place | None:
        if not self._rules.foreign:
            return self._rules.place(queue, payload)
        default = Place((Keys(self._settings.namespace).failed,))
        return self._placing.ask(lambda: self._rules.place(queue, payload), default)

    def _record(self, held: Held, payload: Payload | None, why: str) -> bytes:
        return build_record(
            raw=held.payload,
            payload=payload,
            exception=("DirtyExit", why),
            backtrace=(),
            worker=self._worker,
            queue=held.queue,
            failed_at=datetime.now(UTC),
            missing=held.missing,
        )


def _decoded(held: Held) -> Payload | None:
    if held.missing:
        match = _CLASS.match(held.payload)
        name = match and match[1].decode("utf-8", "replace")
        return Payload(name, [], None, 1, 0, None, held.payload) if name else None
    try:
        return decode(held.payload)
    except PayloadError:
        return None


class Inquest:
    """For the dead of this daemon and of others. `convicted` is told what failed, with the records."""

    def __init__(
        self,
        *,
        recovery: Recovery,
        culprits: Culprits,
        convicted: Callable[[Iterable[tuple[Held, bytes]]], None],
    ) -> None:
        self._recovery = recovery
        self._culprits = culprits
        self._convicted = convicted

    def hold(self, incarnation: Incarnation, death: Death | None) -> Recovered:
        """Recover the jobs of an incarnation; without last words nobody knows which of them ran. Errors: StoreError."""
        running = death.running if death else ()
        found = self._recovery.inspect(incarnation, running, patience=self._culprits.patience)

        def convict(token: int, why: str) -> Convict:
            return self._convict(incarnation, token, found.held[token], why)

        judge = Judge(rule=self._culprits.rule, convict=convict)
        findings = judge.judge(death, found.held, probation=found.probation)
        done = self._recovery.recover(
            incarnation, findings.verdicts, counted=findings.counted, queues=found.queues
        )
        if done.convicted:
            self._convicted(
                (found.held[token], verdict.record)
                for token, verdict in findings.verdicts.items()
                if isinstance(verdict, Convict)
            )
        return done

    def _convict(self, incarnation: Incarnation, token: int, job: Held, why: str) -> Convict:
        """With its payload whole, if that is not too much; its worker may have died for lack of memory."""
        if job.missing and len(job.payload) + job.missing <= WHOLE_PAYLOAD:
            try:
                whole = self._recovery.inspect(incarnation, (token,), most=2 * WHOLE_PAYLOAD)
                return self._culprits.convict(whole.held.get(token, job), why)
            except MemoryError:
                pass  # then with the beginning of it
        return self._culprits.convict(job, why)
