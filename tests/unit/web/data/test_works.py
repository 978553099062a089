"""Works as they stand in Redis."""

from resqd.web.data.failed import Filter
from resqd.web.data.works import Work

WORK = Work("a1", "remove", "all", Filter(text="ä", since=1.5), "ada", began=10.0, told=20.0, reasons=("r",))


def test_a_work_is_read_as_it_was_written() -> None:
    """By whichever process serves the page."""
    assert Work.from_json(WORK.to_json(), now=21.0) == WORK


def test_a_work_whose_process_is_gone_is_told_as_broken_off() -> None:
    """It says nothing for a while; one that has ended may be silent."""
    late = Work.from_json(WORK.to_json(), now=100.0)
    assert late is not None
    assert late.state == "lost"
    assert late.ended


def test_what_is_none_is_left_out() -> None:
    """Anybody may write to Redis."""
    for text in ("", "[]", "{}", "null", WORK.to_json().replace('"text"', '"txt"')):
        assert Work.from_json(text, now=0.0) is None
