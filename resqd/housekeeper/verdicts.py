"""Who pays for a crash: pure policy from a dead worker's last words to a verdict on each job that ran."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from resqd.store.recovery import Charge, Convict, Held, Suspect, Verdict
from resqd.wire.messages import Death


@dataclass(frozen=True, slots=True)
class Rule:
    """What applies to one job: `fail` convicts at the first crash, as Resque does; else after `most` deliveries."""

    fail: bool
    most: int


def verdicts(
    death: Death,
    held: Mapping[int, Held],
    *,
    rule: Callable[[Held], Rule],
    convict: Callable[[Held, str], Convict],
) -> dict[int, Verdict]:
    """The verdict on each job of `held`, the jobs that were on the dead worker's threads.

    Jobs for whose sake resqd killed the process are recorded as killed, and nobody else pays. A death
    that resqd did not cause is blamed on the jobs that ran: one alone is charged; several are suspects,
    each run alone next time, so that the innocent finish and the culprit kills only itself.
    """
    judged: dict[int, Verdict] = {
        token: convict(job, "Job was killed") for token, job in held.items() if token in death.convicted
    }
    if not death.blamed:
        return judged
    suspects = {token: job for token, job in held.items() if token not in judged}
    for token, job in suspects.items():
        applied = rule(job)
        alone = len(suspects) == 1
        if applied.fail or (alone and job.deliveries + 1 >= applied.most):
            judged[token] = convict(job, _history(death, job, others=len(death.running) - 1))
        else:
            judged[token] = Charge() if alone and not death.probation else Suspect()
    return judged


def _history(death: Death, job: Held, *, others: int) -> str:
    times = job.deliveries + 1
    often = "" if times == 1 else f", the last of {times} crashes with this job"
    beside = f", and {others} other jobs ran in it" if others else ""
    return f"Job's worker process {death.reason}{often} (pid {death.pid}{beside})"
