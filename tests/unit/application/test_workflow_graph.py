"""A workflow as people see it."""

from resqd.application.workflow_graph import WorkflowJob, drawn, in_order, jobs_of


def job(job_id: str, *after: str, state: str = "done") -> WorkflowJob:
    return WorkflowJob(job_id, job_id.upper(), after, state)  # type: ignore[arg-type] # one of the states


def test_what_is_kept_tells_what_has_become_of_each() -> None:
    """Of those that have ended, one that did not succeed was skipped."""
    kept = {f"@{name}": '{"job":"J","after":["a"]}' for name in "abcde"}
    kept |= {"!a": "done", "!b": "discarded", "!c": "failed", "#e": "1", "e": "x", "=a": "1"}
    states = {each.id: each.state for each in jobs_of(kept, {"d"}, {"c"})}
    assert states == {"a": "done", "b": "skipped", "c": "failed", "d": "pending", "e": "waits"}


def test_each_is_drawn_behind_what_it_waits_for() -> None:
    """With the numbers of these; a parent that is unknown is left out."""
    last = job("e", "gone", state="waits")
    jobs = in_order([job("d", "b", "c"), job("c", "a"), job("b", "a", state="failed"), job("a"), last])
    assert list(drawn(jobs)) == [
        "   1 + A  done",
        "   2   ! B  failed  after 1",
        "   3   + C  done  after 1",
        "   4     + D  done  after 2-3",
        "   5 . E  waits",
    ]
