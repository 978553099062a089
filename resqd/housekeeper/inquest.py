"""The inquest into a dead incarnation: what it held, the application's rules and records, the verdicts carried out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Generic, TypeVar

from resqd import events
from resqd.app import App
from resqd.errors import DirtyExit, JobTimeout, PayloadError
from resqd.failures import OVERRUN, FailureRules, fewest_deliveries
from resqd.housekeeper.farewells import LastWords
from resqd.housekeeper.verdicts import Judge, Rule
from resqd.retry import Again, Dropped, decide
from resqd.settings import Settings
from resqd.store.inflight.incarnation import Incarnation
from resqd.store.inflight.recovery import Convict, Done, Held, Later, Recovered, Recovery, Verdict
from resqd.store.inflight.tokens import attempts
from resqd.store.keys import Keys
from resqd.store.resque.backends import Place
from resqd.store.resque.failure_record import WHOLE_PAYLOAD, build_record, describe
from resqd.store.resque.outcome import with_error, without_value
from resqd.store.resque.payload import Payload, decode
from resqd.store.resque.tries import attempt_entry, postpone, tried
from resqd.threads import NamedThread
from resqd.wire.messages import Death

T = TypeVar("T")
V = TypeVar("V", Convict, Verdict)

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
        self._retrying: Patience[Again | Dropped | None] = Patience(what="the retry policy of a job")
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
        return self._convict(held, DirtyExit(why))

    def done(self, held: Held) -> Done:
        """What is to be settled for this job, which has succeeded."""
        payload = _decoded(held)
        debts = without_value(self._rules.owed(held.payload, payload))
        return Done(tried(payload) if payload else "", debts)

    def overrun(self, token: int, held: Held) -> Later | Convict:
        """What becomes of a job that had run out of its time: its next try, or its record as JobTimeout."""
        payload, error = _decoded(held), JobTimeout(OVERRUN)
        again = self._judged(held, payload, error)
        if payload is None or not isinstance(again, Again):
            return self._convict(held, error)
        entry = attempt_entry(describe(error), (), worker=self._worker, began=None, ended=time.time())
        return Later(postpone(token, payload, delay=again.delay, kind="timeout", attempt=entry))

    def _judged(self, held: Held, payload: Payload | None, error: JobTimeout) -> Again | Dropped | None:
        job, tries = self._app.jobs.get(payload.job_class) if payload else None, attempts(held.payload)
        if job is None or job.policy is None or tries is None:
            return None
        policy = job.policy
        return self._retrying.ask(lambda: decide(policy, attempt=tries + 1, error=error), None)

    def _convict(self, held: Held, error: DirtyExit | JobTimeout) -> Convict:
        payload, late = _decoded(held), isinstance(error, JobTimeout)
        place = self._place(held.queue, payload) or Place(())
        known = tried(payload) if payload else ""
        record = self._record(held, payload, error)
        debts = with_error(self._rules.owed(held.payload, payload), describe(error))
        return Convict(record, place.lists, place.member or "", known, late, debts)

    def _place(self, queue: str, payload: Payload | None) -> Place | None:
        if not self._rules.foreign:
            return self._rules.place(queue, payload)
        default = Place((Keys(self._settings.namespace).failed,))
        return self._placing.ask(lambda: self._rules.place(queue, payload), default)

    def _record(self, held: Held, payload: Payload | None, error: DirtyExit | JobTimeout) -> bytes:
        return build_record(
            raw=held.payload,
            payload=payload,
            exception=error,
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
    """For the dead of this daemon and of others.

    `convicted` is told what failed, with the records, `retried` what runs again, with the delays. `came` tells which
    jobs an incarnation has sent home.
    """

    def __init__(
        self,
        *,
        recovery: Recovery,
        culprits: Culprits,
        convicted: Callable[[Iterable[tuple[Held, bytes]]], None],
        retried: Callable[[Iterable[tuple[Held, float]]], None],
        came: Callable[[Incarnation], set[int]] = lambda _incarnation: set(),
    ) -> None:
        self._came = came
        self._recovery = recovery
        self._culprits = culprits
        self._convicted = convicted
        self._retried = retried

    def hold(self, incarnation: Incarnation, death: Death | None, left: LastWords | None = None) -> Recovered:
        """Recover the jobs of an incarnation; without a death nobody knows which of them ran. Errors: StoreError.

        `left`: what it had ended, by its own words.
        """
        if incarnation.homeward and (gone := self._came(incarnation)):
            self._recovery.drop(incarnation, gone)
        ended = self._ended(incarnation, left) if left else {}
        running = death.running if death else ()
        found = self._recovery.inspect(incarnation, running, patience=self._culprits.patience)

        def convict(token: int, why: str) -> Convict:
            return self._whole(
                incarnation, token, found.held[token], lambda job: self._culprits.convict(job, why)
            )

        def overrun(token: int) -> Verdict:
            return self._whole(
                incarnation, token, found.held[token], lambda job: self._culprits.overrun(token, job)
            )

        judge = Judge(rule=self._culprits.rule, convict=convict, overrun=overrun)
        held = {token: job for token, job in found.held.items() if token not in ended}
        findings = judge.judge(death, held, probation=found.probation)
        done = self._recovery.recover(
            incarnation, {**findings.verdicts, **ended}, counted=findings.counted, queues=found.queues
        )
        if done.convicted:
            self._convicted(
                (found.held[token], verdict.record)
                for token, verdict in findings.verdicts.items()
                if isinstance(verdict, Convict)
            )
        if done.postponed:
            self._retried(
                (found.held[token], verdict.postpone.delay)
                for token, verdict in findings.verdicts.items()
                if isinstance(verdict, Later)
            )
        return done

    def _ended(self, incarnation: Incarnation, left: LastWords) -> dict[int, Verdict]:
        """The jobs that are in flight though their worker had ended them: Redis has lost that."""
        there = self._recovery.tokens(incarnation)
        ended: dict[int, Verdict] = {token: Done() for token in there if left.ended(token)}
        if owing := left.dismissed.intersection(there):
            held = self._recovery.inspect(incarnation, owing).held
            ended |= {token: self._culprits.done(job) for token, job in held.items()}
        return ended

    def _whole(self, incarnation: Incarnation, token: int, job: Held, judge: Callable[[Held], V]) -> V:
        """A verdict with its payload whole, if that is not too much; its worker may have died for lack of memory."""
        if job.missing and len(job.payload) + job.missing <= WHOLE_PAYLOAD:
            try:
                whole = self._recovery.inspect(incarnation, (token,), most=2 * WHOLE_PAYLOAD)
                return judge(whole.held.get(token, job))
            except MemoryError:
                pass  # then with the beginning of it
        return judge(job)
