"""Batches and workflows as rows, with how far they are, and a workflow's picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup

from resqd.application.workflow_graph import drawn
from resqd.application.workflow_picture import svg
from resqd.application.workflows import WORKFLOW
from resqd.web.views.queues import span_of
from resqd.web.views.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resqd.application.workflow_graph import WorkflowJob
    from resqd.store.batches.batches import Status

ROWS: Final = 50
IDS: Final = 50
"""Ids of jobs of each kind that are shown."""
MOST_DRAWN: Final = 1_000
"""Jobs of a workflow beyond which its page shows counts alone."""
_STATES: Final = {
    "filling": State("Being filled", "waiting", "waiting", 1),
    "running": State("Running", "running", "running", 1),
    "succeeded": State("Succeeded", "done", "done", 2, plain=True),
    "stopped": State("Stopped", "failed", "failed", 0),
    "cancelled": State("Cancelled", "ended", "ended", 2),
}


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch."""

    status: Status
    state: State
    age: float

    @property
    def kind(self) -> str:
        """What it is called."""
        return "workflow" if self.status.facts.get("kind") == WORKFLOW else "batch"

    @property
    def alive(self) -> bool:
        """Whether anything of it may still run, so that it can be cancelled."""
        return self.status.succeeded is None and not self.status.cancelled


def batch_row(status: Status, now: float) -> BatchRow:
    """A batch as a row."""
    return BatchRow(status, _STATES[status.state], max(0.0, now - status.created))


def batches(
    found: Sequence[Status], total: int, *, start: int, only_workflows: bool, now: float
) -> dict[str, object]:
    """What the page of batches shows, or that of workflows, which are some of them."""
    rows = [batch_row(status, now) for status in found]
    return {
        "rows": [row for row in rows if not only_workflows or row.kind == WORKFLOW],
        "span": span_of(start, len(found), total, ROWS),
        "only_workflows": only_workflows,
    }


def batch(
    row: BatchRow,
    pending: Sequence[str],
    failed: Sequence[str],
    jobs: Sequence[WorkflowJob],
    address: Callable[[str], str],
) -> dict[str, object]:
    """What the page of one batch shows."""
    return {
        "row": row,
        "pending": pending,
        "failed": failed,
        "picture": Markup(svg(jobs, address)) if jobs else "",  # noqa: S704 - its texts are escaped where it is made
        "lines": [*drawn(jobs)],
    }
