"""A workflow as a picture: an SVG of its jobs, each to the right of those that it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from resqd.application.workflow_graph import State, WorkflowJob
from resqd.text import escaped

MOST_JOBS: Final = 300
"""More than these nobody can tell apart in a picture; the text has them all."""
_MOST_LINES: Final = 2_000

_WIDTH, _HEIGHT = 176, 32
_ACROSS, _DOWN = 64, 12
_MARGIN = 8
_LETTERS = 20
_SWEEPS = 4

_COLOURS: Final[dict[State, tuple[str, str]]] = {
    "done": ("--done, #1a6a38", "--done-soft, #e3f4e8"),
    "failed": ("--failed, #b1241c", "--failed-soft, #fcebe9"),
    "pending": ("--running, #1659b8", "--running-soft, #e5effb"),
    "waits": ("--waiting, #4a5361", "--waiting-soft, #eceef1"),
    "skipped": ("--ended, #5c646f", "--ended-soft, #eef0f3"),
}
"""By state the ink and the ground: the page's own names of colours, and what they are where there is no page."""
_SIGNS: Final[dict[State, str]] = {
    "done": "\N{CHECK MARK}",
    "failed": "!",
    "pending": "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
    "waits": "\N{MIDDLE DOT}",
    "skipped": "\N{EN DASH}",
}
"""So that nothing is told by colour alone."""


class _Box(NamedTuple):
    x: int
    y: int


def svg(jobs: Sequence[WorkflowJob], link: Callable[[str], str | None] | None = None) -> str:
    """The picture of jobs that stand in order, each behind those that it waits for (`workflow_graph.in_order`).

    It needs no style sheet and takes the colours of the page that it stands in. `link` gives the address of a job's
    page, by its id. Of a large workflow it shows the first MOST_JOBS, and says how many are left out.
    """
    shown = jobs[:MOST_JOBS]
    boxes = placed(shown)
    width = max((box.x for box in boxes.values()), default=0) + _WIDTH + _MARGIN
    height = max((box.y for box in boxes.values()), default=0) + _HEIGHT + _MARGIN
    missing = len(jobs) - len(shown)
    note = f"{missing} more jobs are not drawn" if missing else ""
    role = "img" if link is None else "group"  # an image has nothing in it that could be clicked on
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="{role}" width="{width}" height="{height + 24 * bool(note)}" '
        f'viewBox="0 0 {width} {height + 24 * bool(note)}" font-family="system-ui, sans-serif" font-size="12">',
        f"<title>{_summary(jobs)}</title>",
        *_lines(shown, boxes),
        *(_drawn(job, boxes[job.id], link and link(job.id)) for job in shown),
    ]
    if note:
        parts.append(f'<text x="{_MARGIN}" y="{height + 12}" fill="var(--ink-2, #464d57)">{note}</text>')
    return "\n".join([*parts, "</svg>"])


def placed(jobs: Sequence[WorkflowJob]) -> Mapping[str, _Box]:
    """Where each job stands: a column for its longest way from a beginning, in it near those that it waits for."""
    column: dict[str, int] = {}
    for job in jobs:
        column[job.id] = 1 + max((column[parent] for parent in job.after if parent in column), default=-1)
    columns: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for job in jobs:
        columns[column[job.id]].append(job.id)
    _untangle(columns, jobs)
    return {
        job_id: _Box(_MARGIN + i * (_WIDTH + _ACROSS), _MARGIN + row * (_HEIGHT + _DOWN))
        for i, ids in enumerate(columns)
        for row, job_id in enumerate(ids)
    }


def _untangle(columns: list[list[str]], jobs: Sequence[WorkflowJob]) -> None:
    """Let fewer lines cross: each column in the order of its neighbours' middles, there and back."""
    known = {job.id for job in jobs}
    before = {job.id: [parent for parent in job.after if parent in known] for job in jobs}
    behind: dict[str, list[str]] = {job.id: [] for job in jobs}
    for job_id, parents in before.items():
        for parent in parents:
            behind[parent].append(job_id)
    for sweep in range(_SWEEPS):
        neighbours = behind if sweep % 2 else before
        for ids in reversed(columns) if sweep % 2 else columns:
            rows = {job_id: row for column in columns for row, job_id in enumerate(column)}
            ids.sort(key=lambda job_id: _middle(job_id, neighbours, rows))


def _middle(job_id: str, neighbours: Mapping[str, Sequence[str]], rows: Mapping[str, int]) -> float:
    near = neighbours[job_id]
    return sum(rows[each] for each in near) / len(near) if near else rows[job_id]


def _summary(jobs: Sequence[WorkflowJob]) -> str:
    counts = {state: sum(job.state == state for job in jobs) for state in _COLOURS}
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"Workflow of {len(jobs)} jobs: {states}" if states else "Workflow without a job"


def _lines(jobs: Sequence[WorkflowJob], boxes: Mapping[str, _Box]) -> list[str]:
    """From each job to those that wait for it."""
    pairs = [(boxes[parent], boxes[job.id]) for job in jobs for parent in job.after if parent in boxes]
    return [_line(start, end) for start, end in pairs[:_MOST_LINES]]


def _line(start: _Box, end: _Box) -> str:
    x, y, to_x, to_y = start.x + _WIDTH, start.y + _HEIGHT // 2, end.x, end.y + _HEIGHT // 2
    bend = max(_ACROSS // 2, (to_x - x) // 2)
    return (
        f'<path d="M{x} {y} C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}" fill="none" '
        'stroke="var(--edge, #c7cdd5)"/>'
    )


def _drawn(job: WorkflowJob, box: _Box, address: str | None) -> str:
    ink, ground = _COLOURS[job.state]
    name = escaped(job.job)
    short = name if len(name) <= _LETTERS else f"\N{HORIZONTAL ELLIPSIS}{name[1 - _LETTERS :]}"
    drawn = (
        f"<g><title>{escape(name)} {escape(escaped(job.id))}: {job.state}</title>"
        f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="var({ground})" '
        f'stroke="var({ink})"/>'
        f'<text x="{box.x + 10}" y="{box.y + 20}" fill="var({ink})">{_SIGNS[job.state]}</text>'
        f'<text x="{box.x + 26}" y="{box.y + 20}" fill="var(--ink, #15181d)">{escape(short)}</text></g>'
    )
    return f'<a href="{escape(address)}">{drawn}</a>' if address else drawn
