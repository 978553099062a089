"""What belongs to a batch says so in its payload, beside what else its producer wrote there."""

import pytest

from resqd.application.gathering import belonging, callback
from resqd.store.debts import owed_by
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from tests.support.loose_jobs import job_of, mail


@pytest.mark.parametrize(
    "marks",
    [{}, {"timeout": 3.0}, {"owes": {"unique": "f t"}, "expires": 1.0}],
    ids=["plain", "timeout", "unique"],
)
def test_a_payload_keeps_all_that_it_says(marks: dict[str, object]) -> None:
    """Text that looks like the producer's object is only text."""
    text = 'ä "resqd":{ }'
    raw = encoding.encode("Mail", [text], id="7")
    taken = belonging(encoding.marked(raw, marks) if marks else raw, "batch", "7 b")
    read = payloads.decode(taken)
    assert (read.args, read.id) == ([text], "7")
    assert read.marks is not None
    assert {name: read.marks.options[name] for name in marks if name != "owes"} == {
        name: value for name, value in marks.items() if name != "owes"
    }
    assert {(debt.kind, debt.member) for debt in owed_by(taken)} == {
        ("batch", "7 b"),
        *([("unique", "f t")] if "owes" in marks else []),
    }


def test_a_callback_has_its_id_before_it_is_enqueued() -> None:
    """So it can be told apart from a second one; it says nothing of a time, so it never expires too early."""
    assert callback("on_done", None) is None
    made = callback("on_done", job_of(mail).using(queue="calls", timeout=5).s(1))
    assert made is not None
    job_id, entry = made
    assert entry.startswith(b"5:calls{")
    read = payloads.decode(entry[7:])
    assert (read.id, read.args, read.enqueued_at) == (job_id, [1], None)
    assert read.marks is not None
    assert read.marks.options == {"timeout": 5.0}
