"""Workflows as they are told to Redis: who waits for whom, and where results go."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from resqd.app import App
from resqd.application.workflows import RESULT, Workflow
from resqd.errors import BatchError
from resqd.store.batches.filling import Filler, Item, Node
from resqd.testing import fake


class Told:
    """Takes what a workflow puts."""

    nodes: Sequence[Node] = ()
    items: Sequence[Item] = ()

    def add(self, nodes: Sequence[Node], items: Sequence[Item], *, seal: bool) -> None:
        assert seal
        self.nodes, self.items = nodes, items


app = App()


@app.job(queue="q", name="Work")
def work(*given: object) -> object:
    """Nothing."""
    return given


def told(flow: Workflow) -> Told:
    link: Any = Told()
    filler: Filler = link
    flow.fill_by(filler)
    return link  # type: ignore[no-any-return] # as above


def pieces(node: Node) -> list[str]:
    """Which results the entry of a node takes."""
    return re.findall(r"R32:([0-9a-f]{32})", node.entry.decode())


def test_results_stand_where_they_were_put() -> None:
    """However deep; who gives one is told so, and who waits for none begins at once."""
    flow = app.workflow()
    one, two = flow.group(work.s(1), work.s(2))
    last = flow.add(work.s([one.result, {"two": two.result}], "text"))
    found = told(flow)
    assert [item.id for item in found.items] == [one.id, two.id]
    assert all(b'"gives":true' in item.raw for item in found.items)
    by_id = {node.id: node for node in found.nodes}
    assert pieces(by_id[last.id]) == [one.id, two.id]
    assert (by_id[last.id].waits, by_id[one.id].children) == (2, (last.id,))
    assert b"gives" not in by_id[last.id].entry
    assert by_id[one.id].entry == b""


def test_chains_and_chords_say_what_result_means() -> None:
    """That of the one before; or the list of all, also where there is one."""
    flow = app.workflow()
    first, second, third = flow.chain(work.s(0), work.s(RESULT), work.s())
    chord = flow.chord([work.s()], work.s(RESULT), after=[third])
    by_id = {node.id: node for node in told(flow).nodes}
    assert pieces(by_id[second.id]) == [first.id]
    assert [*third.parents] == [second.id]
    assert len(pieces(by_id[chord.id])) == 1
    assert b'"args":[[' in by_id[chord.id].entry


def test_cycles_and_strangers_are_refused_by_name() -> None:
    """Before anything goes to Redis."""
    flow, other = app.workflow(), app.workflow()
    first, second = flow.chain(work.s(1), work.s(2))
    with pytest.raises(BatchError, match="takes the result of a job that is not of this workflow"):
        other.add(work.s(first.result))
    with pytest.raises(TypeError, match="a workflow takes a signature"):
        flow.add(work)  # type: ignore[arg-type] # that is the mistake
    first.after(second)
    with pytest.raises(BatchError, match=r"wait for each other: Work\(\d\) -> Work\(\d\) -> Work\(\d\)"):
        told(flow)
    other.add(work.s(), after=[first])
    with pytest.raises(BatchError, match="waits for a job that is not of this workflow"):
        told(other)


def test_without_a_daemon_there_is_no_order() -> None:
    """A test that passed there would show nothing."""
    with fake(app), pytest.raises(BatchError, match="needs a daemon"), app.workflow() as flow:
        flow.add(work.s())
