"""A workflow as people see it: its jobs, what has become of each, and what it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["waits", "pending", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """One job: its id and class, the ids of those that it waits for, and what has become of it."""

    id: str
    job: str
    after: tuple[str, ...]
    state: State


def jobs_of(
    kept: Mapping[str, str], pending: AbstractSet[str], failed: AbstractSet[str]
) -> list[WorkflowJob]:
    """The jobs, from what Redis keeps of a workflow (batches.lua), and which are in its sets."""
    found = []
    for name, about in kept.items():
        if name.startswith("@"):
            job_id, facts = name[1:], json.loads(about)
            found.append(
                WorkflowJob(
                    job_id, facts["job"], tuple(facts["after"]), _state(job_id, kept, pending, failed)
                )
            )
    return found


def _state(
    job_id: str, kept: Mapping[str, str], pending: AbstractSet[str], failed: AbstractSet[str]
) -> State:
    if job_id in pending:
        return "pending"
    if job_id in failed:
        return "failed"
    if f"#{job_id}" in kept:
        return "waits"
    return "done" if kept.get(f"!{job_id}") == "done" else "skipped"


def in_order(jobs: Sequence[WorkflowJob]) -> list[WorkflowJob]:
    """Each behind those that it waits for, else by class and id."""
    known = {job.id: job for job in sorted(jobs, key=lambda job: (job.job, job.id))}
    children: dict[str, list[str]] = {job_id: [] for job_id in known}
    waits = {job.id: 0 for job in known.values()}
    for job in known.values():
        for parent in job.after:
            if parent in known:
                children[parent].append(job.id)
                waits[job.id] += 1
    free = [job_id for job_id, count in reversed(list(waits.items())) if count == 0]
    ordered = []
    while free:
        job_id = free.pop()
        ordered.append(known[job_id])
        for child in reversed(children[job_id]):
            waits[child] -= 1
            if waits[child] == 0:
                free.append(child)
    return ordered


_SIGNS: Final[dict[State, str]] = {"done": "+", "failed": "!", "pending": ">", "waits": ".", "skipped": "-"}


def drawn(jobs: Sequence[WorkflowJob]) -> Iterator[str]:
    """A line for each job, indented by how many are before it on its longest way, with those that it waits for."""
    depth: dict[str, int] = {}
    number = {job.id: i for i, job in enumerate(jobs, 1)}
    for job in jobs:
        before = [parent for parent in job.after if parent in depth]
        depth[job.id] = 1 + max((depth[parent] for parent in before), default=-1)
        after = f"  after {_ranges(sorted(number[parent] for parent in before))}" if before else ""
        yield f"{number[job.id]:>4} {'  ' * depth[job.id]}{_SIGNS[job.state]} {job.job}  {job.state}{after}"


def _ranges(numbers: Sequence[int]) -> str:
    """As 1-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
