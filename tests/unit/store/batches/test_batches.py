"""What a batch's facts say of it."""

import pytest

from resqd.store.batches.batches import _status

FACTS = {
    "id": "b",
    "total": "4",
    "created": "5000000",
    "kind": "workflow",
    "on_done": "1 4:mail{}",
    "parents": "c d",
}


@pytest.mark.parametrize(
    ("more", "pending", "state"),
    [
        ({"open": "1"}, 0, "filling"),
        ({}, 2, "running"),
        ({"done": "6000000"}, 0, "stopped"),
        ({"done": "6000000", "succeeded": "6000000"}, 0, "succeeded"),
        ({"cancelled": "1"}, 2, "cancelled"),
        ({"done": "6000000"}, 1, "running"),
    ],
)
def test_a_batch_has_one_state(more: dict[str, str], pending: int, state: str) -> None:
    """One that was done runs again when a failed job is requeued."""
    flat = [part.encode() for pair in {**FACTS, **more}.items() for part in pair]
    assert _status(flat, pending, 0).state == state


def test_progress_counts_what_has_ended_in_any_way() -> None:
    """What waits for others has not; facts of other rooms are kept, and callbacks are not shown."""
    flat = [part.encode() for pair in {**FACTS, "left": "1"}.items() for part in pair]
    status = _status(flat, 1, 1)
    assert (status.ended, status.progress, status.created) == (2, 0.5, 5.0)
    assert status.facts == {"kind": "workflow"}
    assert status.parents == ("c", "d")
    empty = _status([b"id", b"b", b"total", b"0"], 0, 0)
    assert empty.progress == 1.0
