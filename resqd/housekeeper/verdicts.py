"""Who pays for a crash: pure policy from what a dead worker held, and its last words, to a verdict on each job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from resqd.store.inflight.recovery import Charge, Convict, Forgive, Held, Isolate, Suspect, Verdict
from resqd.store.inflight.tokens import Counts
from resqd.wire.messages import Death

LOST = "was lost with its daemon or host"
"""How a process ended of which nobody has last words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What applies to one job: `fail` convicts at the first crash, as Resque does; else after `most` deliveries."""

    fail: bool
    most: int


@dataclass(frozen=True, slots=True)
class Findings:
    """A verdict on each job that needs one; all others go back, one recovery dearer if `counted`."""

    verdicts: dict[int, Verdict]
    counted: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """`rule` tells what applies to a job, `convict` makes the record of a conviction, of a token, for a reason.

    Jobs for whose sake resqd killed the process are recorded as killed; for those that had run out of their time
    `overrun` says what becomes of them. A death that resqd did not cause is blamed
    on the jobs that ran: one alone is charged; several are suspects, each run alone next time, so that the innocent
    finish and the culprit kills only itself. What is lost without a charge, since resqd caused the death, or nobody
    knows what ran, or nothing did, is forgiven as often as a job may be charged; then it is a suspect as well. On
    probation every loss counts against the job, from the first moment of its fetching on.

    So no job begins more than twice `most` times without an end of its own, whatever dies and whoever is to blame.
    """

    rule: Callable[[Held], Rule]
    convict: Callable[[int, str], Convict]
    overrun: Callable[[int], Verdict]

    def judge(self, death: Death | None, held: Mapping[int, Held], *, probation: bool) -> Findings:
        """The verdicts on `held`: the jobs on the dead worker's threads, and those whose next loss may be decisive.

        Without last words any of them may have run.
        """
        convicted = death.convicted if death else ()
        late = death.late if death else ()
        judged: dict[int, Verdict] = {
            token: self.overrun(token) if token in late else self.convict(token, "Job was killed")
            for token in held
            if token in convicted
        }
        left = {token: job for token, job in held.items() if token not in judged}
        if probation:
            judged |= {token: self._alone(death, token, job) for token, job in left.items()}
            return Findings(judged, counted=False)
        began = [token for token in left if death is not None and token in death.running]
        if death is not None and death.blamed:
            alone = len(began) == 1
            judged |= {token: self._blamed(death, token, left[token], alone=alone) for token in began}
        unpaid = not judged
        for token, job in left.items():
            if token not in judged and (unpaid or token in began):
                judged[token] = self._uncharged(death, token, job)
        return Findings(judged, counted=unpaid)

    def _alone(self, death: Death | None, token: int, job: Held) -> Verdict:
        """On probation. What it was forgiven before counts here, for nothing else can have been the cause now."""
        rule, counts = self.rule(job), job.counts
        if counts is None or rule.fail or counts.deliveries + 1 >= rule.most or _losses(counts) > rule.most:
            return self.convict(token, _history(death, token, job))
        return Suspect()

    def _blamed(self, death: Death, token: int, job: Held, *, alone: bool) -> Verdict:
        rule, counts = self.rule(job), job.counts
        if alone:
            guilty = counts is None or rule.fail or counts.deliveries + 1 >= rule.most
        else:  # however often, until it is beyond belief: daemons that end give their suspects back to the queues
            guilty = counts is not None and _losses(counts) >= 2 * rule.most
        if guilty:
            return self.convict(token, _history(death, token, job))
        return Charge() if alone else Suspect()

    def _uncharged(self, death: Death | None, token: int, job: Held) -> Verdict:
        """Its process was lost for no fault of its own that is known of."""
        most, counts = self.rule(job).most, job.counts
        may_have_begun = death is None or token in death.running
        beyond_belief = counts is None or _losses(counts) >= 2 * most
        if may_have_begun and beyond_belief:
            return self.convict(token, _history(death, token, job))
        if counts is not None and counts.recoveries + 1 < most:
            return Forgive()
        forgiven = counts is not None and counts.recoveries >= most
        return Suspect() if may_have_begun and forgiven else Isolate()


def _losses(counts: Counts) -> int:
    """How often its process was lost, this time included."""
    return counts.deliveries + counts.recoveries + 1


def _history(death: Death | None, token: int, job: Held) -> str:
    times = _losses(job.counts) if job.counts else 1
    often = "" if times == 1 else f", the last of {times} crashes with this job"
    if death is None:
        return f"Job's worker process {LOST}{often}"
    early = "" if token in death.running else " before the job began"
    others = len(set(death.running) - {token})
    beside = f", and {others} other jobs ran in it" if others else ""
    return f"Job's worker process {death.reason}{early}{often} (pid {death.pid}{beside})"
