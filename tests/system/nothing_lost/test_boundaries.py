"""A worker that dies between two steps: what became of the job at each boundary, told by what Redis says after."""

import pytest

from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Scene


@pytest.mark.parametrize(
    ("point", "starts", "deliveries"),
    [
        ("before-reserve", {1}, 0),
        ("after-reserve", {1}, 0),
        ("before-start", {1}, 0),
        ("after-start", {1}, 1),
        ("before-end", {2}, 1),
        ("after-end", {1, 2}, 0),  # the fetcher may be faster than the end of its process
        ("before-record", {2}, 0),
        ("after-record", {1}, 0),
    ],
)
def test_a_failing_job_is_recorded_once_whenever_its_worker_dies(
    scene: Scene, point: str, starts: set[int], deliveries: int
) -> None:
    """Only a job on a thread is charged; it runs again unless its failure is recorded; it is counted once."""
    store, record, fault = scene.store, scene.record, scene.folder / "fault"
    fault.touch()
    store.push("Raise", 1)
    store.push("Nap", 2)
    daemon = scene.start(fault=f"{point}:{fault}")
    daemon.wait_for_line("was killed by SIGKILL")
    wait_for(lambda: store.processed() == 2 and store.settled())
    [failure] = store.failures()
    assert failure["exception"] == "ValueError"
    assert failure["payload"].get("deliveries", 0) == deliveries
    assert record.starts()[1] in starts
    assert record.ends()[2] == 1
    assert not fault.exists()
    assert daemon.stop() == 0


@pytest.mark.parametrize(("point", "starts"), [("before-ack", 2), ("after-ack", 1)])
def test_a_job_that_ended_runs_again_only_where_redis_was_not_told(
    scene: Scene, point: str, starts: int
) -> None:
    """Before the acknowledgement it is repeated, uncharged; after it, not. Either way it counts once."""
    store, record, fault = scene.store, scene.record, scene.folder / "fault"
    fault.touch()
    store.push("Nap", 1)
    daemon = scene.start(fault=f"{point}:{fault}")
    daemon.wait_for_line("was killed by SIGKILL")
    wait_for(lambda: store.processed() == 1 and store.settled())
    assert record.starts()[1] == starts
    assert store.failures() == []
    assert daemon.stop() == 0
