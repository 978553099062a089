"""What a worker counts for statsd: every job once at its start and once at its end."""

import time
from typing import Literal

import pytest

from resqd.store.inflight.owner import Failure
from resqd.store.resque.payload import decode
from resqd.store.resque.tries import postpone
from resqd.wire.messages import JobMetrics, Running
from resqd.wire.tallies import SAMPLES
from resqd.worker.holdings import Done, Failed, Outcomes, Settled
from resqd.worker.metrics import Metrics


@pytest.fixture
def held() -> set[int]:
    """The tokens without an outcome."""
    return set()


@pytest.fixture
def metrics(held: set[int]) -> Metrics:
    return Metrics(held=held.__contains__, wall=lambda: 1_000_000.0 + time.monotonic())


def done(token: int, *, job_class: str = "A", began: float = 10.0, enqueued_at: float | None = None) -> Done:
    return token, job_class, began, began + 0.5, enqueued_at


def running(token: int, job_class: str = "A") -> Running:
    return Running(0, token, "", job_class, "q", 10.0, b"{}")


def counts(metrics: Metrics) -> dict[str, tuple[int, int, int]]:
    return {each.job_class: (each.started, each.succeeded, each.failed) for each in metrics.take()}


def test_a_short_job_is_counted_at_its_end(metrics: Metrics) -> None:
    """Start, success, time of the run, and of the wait where the payload says when it was enqueued."""
    metrics.told(Outcomes([], [done(1, enqueued_at=1_000_009.0)], [], []))
    (found,) = metrics.take()
    assert (found.started, found.succeeded, found.failed, found.run_ms) == (1, 1, 0, (500.0,))
    assert [round(each) for each in found.wait_ms] == [1000]


def test_a_long_job_is_counted_at_its_start(metrics: Metrics, held: set[int]) -> None:
    """A job that a report finds running has started; its end does not count the start again."""
    held.add(7)
    metrics.running([running(7)])
    metrics.running([running(7)])
    assert counts(metrics) == {"A": (1, 0, 0)}
    held.remove(7)
    metrics.told(Outcomes([], [done(7)], [], []))
    assert counts(metrics) == {"A": (0, 1, 0)}


def test_a_late_look_counts_nothing_twice(metrics: Metrics) -> None:
    """A job that ended between the look at the threads and the count is not counted as started again."""
    metrics.told(Outcomes([], [done(7)], [], []))
    metrics.running([running(7)])
    assert counts(metrics) == {"A": (1, 1, 0)}


def test_failures_are_counted(metrics: Metrics) -> None:
    """A failure counts for its class; a payload that has no class counts for none."""
    payload = decode(b'{"class":"B","args":[]}')
    failed = Failed(1, payload, Failure(1, b"{}"), 10.0, 10.25)
    unreadable = Failed(2, None, Failure(2, b"{}"), 10.0, 10.25)
    metrics.told(Outcomes([], [], [failed, unreadable], []))
    assert metrics.take() == (JobMetrics("B", 1, 0, 1, (250.0,), ()),)


def test_a_large_batch_is_counted_whole_and_timed_in_part(metrics: Metrics) -> None:
    """A thousand jobs are a thousand counts; every class, the rarest too, has a time."""
    metrics.told(
        Outcomes([], [*[done(token) for token in range(1000)], done(1000, job_class="Rare")], [], [])
    )
    found = {each.job_class: each for each in metrics.take()}
    assert (found["A"].started, found["A"].succeeded) == (1000, 1000)
    assert len(found["A"].run_ms) == SAMPLES
    assert found["Rare"].run_ms == (500.0,)


def test_an_unsent_report_is_counted_later(metrics: Metrics) -> None:
    """What the master could not take comes with the next report."""
    metrics.told(Outcomes([], [done(1)], [], []))
    metrics.restore(metrics.take())
    metrics.told(Outcomes([], [done(2)], [], []))
    assert counts(metrics) == {"A": (2, 2, 0)}


def test_who_ran_out_of_time_is_counted_beside_what_became_of_it(metrics: Metrics) -> None:
    """Failed, or retried; what was not begun here, or is not known here, is no run."""
    payload = decode(b'{"class":"B","args":[]}')
    failed = Failed(1, payload, Failure(1, b"{}", late=True), 10.0, 10.25)
    kinds: tuple[Literal["timeout", "elsewhere"], ...] = ("timeout", "elsewhere")
    settled = [
        Settled(token, payload, postpone(token, payload, delay=5.0, kind=kind), 10.0, 10.25)
        for token, kind in enumerate(kinds, start=2)
    ]
    metrics.told(Outcomes([], [], [failed], settled))
    [found] = metrics.take()
    assert (found.started, found.failed, found.retried, found.timeouts) == (2, 1, 1, 2)
