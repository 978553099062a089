"""The inquest into a dead incarnation: looks at what it held, has it judged, and puts the jobs where they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resqd.housekeeper.culprits import Culprits
from resqd.housekeeper.verdicts import Judge
from resqd.store.failures import WHOLE_PAYLOAD
from resqd.store.incarnation import Incarnation
from resqd.store.recovery import Convict, Held, Recovered, Recovery
from resqd.wire.messages import Death


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
        done = self._recovery.recover(incarnation, findings.verdicts, counted=findings.counted)
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
