"""A job's life in order, from what is written down."""

from typing import Any

from resqd.store.resque import payload as payloads
from resqd.web.views.timeline import Moment, batch_of, seen, timeline

PLAIN = b'{"class":"Send","args":[],"id":"a","generation":1,"enqueued_at":100.5}'
TRIED = b'{"attempts":3,"class":"Send","args":[],"id":"a","generation":2}'


def told(moments: list[Moment]) -> list[tuple[float | None, str]]:
    return [(each.at, each.what) for each in moments]


def test_a_job_was_enqueued_and_is_somewhere() -> None:
    """What nobody wrote down has no time."""
    now = Moment(None, "Waits", "in mail")
    assert told(timeline(payloads.decode(PLAIN), (), now)) == [(100.5, "Enqueued"), (None, "Waits")]
    (first,) = timeline(seen({"class": "Send", "args": []}), ())
    assert (first.at, first.more) == (None, "its producer wrote no time")


def test_tries_are_numbered_though_the_first_are_no_longer_kept() -> None:
    """With their errors and how long they took; what is hostile in them does no harm."""
    tries: list[dict[str, Any]] = [
        {"began": 10.0, "ended": 12.5, "exception": "OSError", "error": "no\x1b route"},
        {"began": None, "ended": 20, "exception": "KeyError", "error": "x"},
    ]
    moments = timeline(payloads.decode(TRIED), tries)
    assert told(moments) == [
        (None, "Enqueued"), (None, "1 earlier try"), (10.0, "Try 2"), (20.0, "Try 3"), (None, "1 requeue")
    ]  # fmt: skip
    assert moments[2].more == "OSError: no\\x1b route, after 2.5 s"
    hostile = timeline(payloads.decode(PLAIN), [{"began": "x", "ended": True, "error": None}])
    assert told(hostile)[1] == (None, "Try 1")


def test_a_failed_jobs_number_of_tries_is_told_from_outside() -> None:
    """Its record has them, its payload no longer."""
    moments = timeline(payloads.decode(PLAIN), [{"ended": 1.0}], attempts=1)
    assert [each.what for each in moments] == ["Enqueued", "Try 1"]


def test_the_batch_is_what_it_owes() -> None:
    """And nothing for a job that is in none."""
    raw = b'{"resqd":{"owes":{"batch":"a b1 b0"}},"class":"Send","args":[],"id":"a"}'
    assert batch_of(payloads.decode(raw)) == "b1"
    assert batch_of(payloads.decode(PLAIN)) is None


def test_what_was_seen_running_may_be_anything() -> None:
    """Also what is no job, or cannot be written."""
    assert seen({"class": "Send", "args": [1]}).args == [1]
    assert seen({"class": 7}).job_class.startswith("(")
    assert seen({"class": float("nan")}).job_class.startswith("(")
