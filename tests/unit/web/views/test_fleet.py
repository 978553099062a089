"""Running jobs as rows."""

from typing import cast

import pytest

from resqd.store.names import WorkerId
from resqd.store.resque.workers import WorkerManager, WorkerStatus, WorkerThreadStatus
from resqd.web.data.snapshot import running_of
from resqd.web.views.fleet import RunningRow

WORKER = WorkerStatus(cast(WorkerManager, None), WorkerId.parse("host:1:q:1:1:0"), None, None, ours=True)


@pytest.mark.parametrize(("told", "shown"), [(None, ""), ((1.0, 4.0, "rows"), "25% (1 of 4) rows")])
def test_a_row_says_how_far_its_job_is(told: tuple[float, float, str] | None, shown: str) -> None:
    """Where the job says so."""
    thread = WorkerThreadStatus(WORKER, 7, "0", "q", "", {"class": "Export"}, told)
    assert RunningRow(running_of(thread), None, "", long=False).progress == shown
