"""How batches are told to the scripts: in calls that are not too long."""

from types import SimpleNamespace
from typing import Any

import pytest

from resqd.errors import BatchDone, StoreError
from resqd.store.batches.filling import BYTES, CHUNK, Facts, Filler, Item, Lineage, Node, entry_of, parts
from resqd.store.keys import Keys
from resqd.store.later.later import When
from resqd.store.redis.protocol import ScriptCall, ServerError

LINEAGE = Lineage(("inner", "outer"))


class Scribe:
    """A link that keeps the words of each call."""

    def __init__(self, reply: object = 1) -> None:
        self.calls: list[list[bytes]] = []
        self._reply = reply

    def run_scripts(self, calls: list[ScriptCall]) -> list[object]:
        self.calls += [call.packed.split(b"\r\n")[2::2] for call in calls]
        return [self._reply] * len(calls)


def filler(link: Any, *, facts: Facts | None = None, member: str = "") -> Filler:
    return Filler(link, Keys(), LINEAGE, facts=facts, member=member)


def test_what_ends_touches_all_that_is_around_it() -> None:
    """Those of `later` first, since callbacks go there."""
    keys = LINEAGE.keys(Keys())
    assert keys[:2] == ["resque:resqd:later", "resque:resqd:later:jobs"]
    assert keys[2:6] == [*Keys().batch("inner")]
    assert keys[6:] == [*Keys().batch("outer")]


def test_entries_count_bytes() -> None:
    """A queue's name may have other letters."""
    assert entry_of("größe", b"{}") == b"7:" + "größe".encode() + b"{}"
    assert parts([("T", "ä".encode()), ("R", b"id")]) == b"T2:\xc3\xa4R2:id"


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [([], 1), ([1], 1), ([1] * CHUNK, 1), ([1] * (CHUNK + 1), 2), ([BYTES, 1], 2), ([BYTES // 2 + 1] * 3, 2)],
)
def test_no_call_is_too_long_and_only_the_last_one_seals(sizes: list[int], calls: int) -> None:
    """An empty batch is told as well."""
    link = Scribe()
    filler(link, facts=Facts()).add((), [Item("mail", "id", b"x" * size) for size in sizes], seal=True)
    assert len(link.calls) == calls
    assert [b"new" in call for call in link.calls] == [True, *[False] * (calls - 1)]
    assert [b"seal" in call for call in link.calls] == [*[False] * (calls - 1), True]


def test_jobs_go_together_that_go_to_one_place() -> None:
    """In their order; queues of jobs that go later are no keys."""
    link = Scribe()
    later = When.after(1)
    items = [
        Item("a", "1", b"{}"),
        Item("b", "2", b"{}", later),
        Item("a", "3", b"{}"),
        Item("c", "4", b"{}", front=True),
    ]
    filler(link, member="me").add([Node("5", 1, ("6", "7"), b"x", "shown")], items, seal=False)
    nodes, jobs = link.calls
    assert nodes[nodes.index(b"node") :] == [b"node", b"0", b"", b"1", b"5", b"1", b"6 7", b"shown", b"x"]
    assert jobs[jobs.index(b"back") :] == [
        *(b"back", b"0", b"a", b"2", b"1", b"{}", b"3", b"{}"),
        *(b"in", b"1000000", b"b", b"1", b"2", b"{}"),
        *(b"front", b"0", b"c", b"1", b"4", b"{}"),
    ]
    assert b"me" in jobs
    assert b"resque:queue:a" in jobs
    assert b"resque:queue:b" not in jobs


def test_a_batch_that_takes_nothing_says_so() -> None:
    """Other errors are Redis's."""
    with pytest.raises(BatchDone, match=r"^the batch is done$"):
        filler(Scribe(ServerError("DONE the batch is done"))).add((), [], seal=True)
    with pytest.raises(StoreError, match="WRONGTYPE"):
        filler(Scribe(ServerError("WRONGTYPE no list"))).add((), [], seal=True)


def test_facts_are_pairs_with_the_id_first() -> None:
    """Callbacks carry the id that they will have."""
    facts = Facts("all", on_done=("7", entry_of("mail", b"{}")), extra={"kind": "workflow"}).arguments(
        LINEAGE
    )
    assert facts[:4] == ["id", "inner", "parents", "outer"]
    told = SimpleNamespace(**dict(zip(facts[::2], facts[1::2], strict=True)))  # type: ignore[arg-type] # names are text
    assert told.on_done == b"7 4:mail{}"
    assert told.kind == "workflow"
