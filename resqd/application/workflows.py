"""Workflows: jobs that begin when others have succeeded, and may take what these returned as arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from resqd.application.batches import Batch, Room, facts
from resqd.application.gathering import belonging, check, payload_of, queue_of
from resqd.errors import BatchError
from resqd.forms import Awaited
from resqd.store.batches.filling import Filler, Item, Node, entry_of, parts
from resqd.store.resque.encoding import new_id
from resqd.using import Signature

if TYPE_CHECKING:
    from resqd.application.outlet import Outlet
    from resqd.store.batches.filling import Facts, Lineage
    from resqd.tracing import Gathering

WORKFLOW: Final = "workflow"
_NEVER: Final = "resqd:result:"


class _Before(Awaited):
    """Stands for what the job before returned, or for the list of it where there are several."""

    def __repr__(self) -> str:
        return "resqd.RESULT"


RESULT: Final[Any] = _Before()


@dataclass(frozen=True, slots=True)
class Result(Awaited):
    """Stands for what one job of a workflow returns, in the arguments of another."""

    of: str


class WorkflowNode:
    """One job of a workflow. `id` is the id that it will have, and `result` stands for what it returns."""

    def __init__(self, signature: Signature) -> None:
        self.id = new_id()
        self.signature = signature
        self.result: Any = Result(self.id)
        self.parents: dict[str, None] = {}

    def after(self, *others: WorkflowNode) -> WorkflowNode:
        """Let it begin when these have succeeded, too."""
        self.parents.update(dict.fromkeys(other.id for other in others))
        return self

    def __repr__(self) -> str:
        return f"<{self.signature!r}>"


class Workflow(Batch):
    """A batch of jobs of which some wait for others: each begins when all that it waits for have succeeded.

    It starts at the end of its block, as a batch does. What else the block enqueues is no part of it.
    """

    def __init__(self, room: Room, lineage: Lineage, *, facts: Facts, trace: Gathering | None = None) -> None:
        super().__init__(room, lineage, facts=facts, trace=trace)
        self._nodes: dict[str, WorkflowNode] = {}
        self._mark = _NEVER + new_id()

    def add(self, signature: Signature, *, after: Iterable[WorkflowNode] = ()) -> WorkflowNode:
        """A job that begins when those `after` which it comes have succeeded, and those whose results it takes.

        Errors: TypeError for what is no signature, BatchError for one that says when it is to run.
        """
        before = list(after)
        return self._add(
            signature, before, before[0].result if len(before) == 1 else [one.result for one in before]
        )

    def chain(self, *signatures: Signature, after: Iterable[WorkflowNode] = ()) -> list[WorkflowNode]:
        """Jobs one after another; `resqd.RESULT` stands for what the one before returned."""
        nodes: list[WorkflowNode] = []
        for signature in signatures:
            nodes.append(self.add(signature, after=nodes[-1:] or after))
        return nodes

    def group(self, *signatures: Signature, after: Iterable[WorkflowNode] = ()) -> list[WorkflowNode]:
        """Jobs side by side."""
        before = list(after)
        return [self.add(signature, after=before) for signature in signatures]

    def chord(
        self, signatures: Iterable[Signature], last: Signature, *, after: Iterable[WorkflowNode] = ()
    ) -> WorkflowNode:
        """Jobs side by side, and one after all of them; `resqd.RESULT` in that stands for the list of their results."""
        nodes = self.group(*signatures, after=after)
        return self._add(last, nodes, [node.result for node in nodes])

    def _add(self, signature: Signature, before: list[WorkflowNode], results: Any) -> WorkflowNode:
        node = WorkflowNode(check("a workflow", signature))
        args = _each(node.signature.args, lambda value: results if value is RESULT else value)
        node.signature = Signature(signature.job, tuple(args), signature.delivery, signature._sender)  # noqa: SLF001 - the same but for its arguments
        for result in _results(args):
            if result.of not in self._nodes:
                raise BatchError(f"{node!r} takes the result of a job that is not of this workflow")
            node.parents[result.of] = None
        node.after(*before)
        self._nodes[node.id] = node
        return node

    def fill_by(self, filler: Filler) -> None:
        """Put the jobs that wait, then those that begin at once."""
        children = self._children()
        _refuse_cycles(self._nodes, children)
        given = {result.of for node in self._nodes.values() for result in _results(node.signature.args)}
        nodes: list[Node] = []
        items: list[Item] = []
        for node in self._nodes.values():
            queue, raw = queue_of(node.signature), self._payload(node, gives=node.id in given)
            about = json.dumps(
                {"job": node.signature.job.name, "after": [*node.parents]}, separators=(",", ":")
            )
            entry = entry_of(queue, self._in_parts(raw)) if node.parents else b""
            nodes.append(Node(node.id, len(node.parents), tuple(children[node.id]), entry, about))
            if not node.parents:
                items.append(Item(queue, node.id, raw))
        filler.add(nodes, items, seal=True)

    def hand_over(self, outlet: Outlet) -> None:
        """Errors: BatchError: a stand-in for Redis runs nothing in turn."""
        del outlet
        raise BatchError("a workflow needs a daemon: test its jobs by themselves, or against a Redis")

    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {job_id: [] for job_id in self._nodes}
        for node in self._nodes.values():
            for parent in node.parents:
                if parent not in children:
                    raise BatchError(f"{node!r} waits for a job that is not of this workflow")
                children[parent].append(node.id)
        return children

    def _payload(self, node: WorkflowNode, *, gives: bool) -> bytes:
        args = _each(
            node.signature.args, lambda value: self._mark + value.of if isinstance(value, Result) else value
        )
        written = Signature(node.signature.job, tuple(args), node.signature.delivery, node.signature._sender)  # noqa: SLF001 - the same
        marks = {**written.delivery.marks, **({"gives": True} if gives else {})}
        takes = any(True for _ in _results(node.signature.args))
        clear = (lambda text: text.startswith(self._mark)) if takes else None
        return belonging(payload_of(written, node.id, marks, clear), "node", f"{node.id} {self._belongs}")

    def _in_parts(self, raw: bytes) -> bytes:
        pieces = re.split(rb'"%b([0-9a-f]{32})"' % self._mark.encode(), raw)
        return parts(("R" if i % 2 else "T", piece) for i, piece in enumerate(pieces))


def workflow(
    room: Room, *, on_success: Signature | None, on_done: Signature | None, description: str
) -> Workflow:
    """A workflow for a block."""
    lineage = room.lineage()
    trace = room.trace(WORKFLOW, lineage, description)
    told = facts(on_success, on_done, description, trace, kind=WORKFLOW)
    return Workflow(room, lineage, facts=told, trace=trace)


def _each(value: Any, change: Any) -> Any:
    """A value of JSON's with each part of it changed."""
    if isinstance(value, list | tuple):
        return [_each(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    changed = change(value)
    return value if changed is value else changed


def _results(value: Any) -> Iterable[Result]:
    if isinstance(value, Result):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _results(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _results(item)


def _refuse_cycles(nodes: dict[str, WorkflowNode], children: dict[str, list[str]]) -> None:
    """Errors: BatchError that names the jobs of a cycle."""
    waits = {job_id: len(node.parents) for job_id, node in nodes.items()}
    free = [job_id for job_id, count in waits.items() if count == 0]
    while free:
        job_id = free.pop()
        del waits[job_id]
        for child in children[job_id]:
            waits[child] -= 1
            if waits[child] == 0:
                free.append(child)
    if waits:
        raise BatchError(f"these jobs wait for each other: {' -> '.join(_cycle(nodes, waits))}")


def _cycle(nodes: dict[str, WorkflowNode], stuck: dict[str, int]) -> Sequence[str]:
    path: list[str] = [next(iter(stuck))]
    while path[-1] not in path[:-1]:
        path.append(next(parent for parent in nodes[path[-1]].parents if parent in stuck))
    start = path.index(path[-1])
    return [repr(nodes[job_id].signature) for job_id in reversed(path[start:])]
