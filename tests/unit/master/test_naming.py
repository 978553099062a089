"""How running jobs are named."""

from resqd.master.naming import named
from resqd.wire.messages import Running


def test_a_few_jobs_are_named_and_the_rest_is_counted() -> None:
    """By class and id; one that is being read has neither."""
    jobs = [Running(n, n, f"id{n}", "Archive", "q", 1.0, b"") for n in range(5)]
    assert named([]) == ""
    assert named(jobs[:2]) == "Archive id0, Archive id1"
    assert named(jobs) == "Archive id0, Archive id1, Archive id2 and 2 more"
    assert named([Running(0, 1, "", "", "", 0.0, b"")]) == "(being read) (no id)"
