"""What becomes of a job that did not simply succeed."""

from collections import deque
from typing import Any

from resqd.errors import JobInterrupt
from resqd.store.inflight.owner import Dismiss, Failure
from resqd.worker.endings import Endings
from resqd.worker.holdings import Failed, Settled, Unfinished
from resqd.worker.interrupt import Slot
from tests.support.trials import trials_of


def ending(told: Failure | Dismiss, *, spared: bool = False, cancelled: bool = False) -> Any:
    """The outcome of a job with the token 7 that raised an error."""
    slot = Slot()
    slot.begin(7, "mail")
    slot.cancelled = cancelled
    asked: list[dict[str, object]] = []

    def report(token: int, **known: object) -> Failure | Dismiss:
        asked.append({"token": token, **known})
        return told

    endings = Endings(outcomes=deque(), spared={7} if spared else (), report=report, timed=False)
    error = JobInterrupt() if cancelled else ValueError("no")
    outcome = endings.of_failed(slot, b"raw", None, trials_of({})(slot), error)
    assert [(one["token"], one["queue"], one["raw"], one["error"]) for one in asked] == (
        [] if isinstance(outcome, Unfinished) else [(7, "mail", b"raw", error)]
    )
    return outcome


def test_a_failure_and_a_settlement_are_told_apart() -> None:
    """By what is to be told of the job."""
    failure, dismissal = Failure(7, b"{}"), Dismiss(7, "discarded")
    failed, settled = ending(failure), ending(dismissal)
    assert isinstance(failed, Failed)
    assert failed.failure is failure
    assert isinstance(settled, Settled)
    assert settled.settlement is dismissal


def test_a_spared_job_that_was_interrupted_goes_back() -> None:
    """Uncharged; one that has failed by itself just then is a failure all the same, as is one that nobody spares."""
    told = Failure(7, b"{}")
    assert ending(told, spared=True, cancelled=True) == Unfinished(7)
    assert isinstance(ending(told, spared=True), Failed)
    assert isinstance(ending(told, cancelled=True), Failed)
