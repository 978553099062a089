"""What the facts mean."""

from dataclasses import replace

import pytest

from resqd.explain.reasons import JobFacts, Listener, QueueFacts, of_job, of_queue

IDLE = Listener("host:1:mail", cap=None, threads=8, busy=2, silent=1.0)
FACTS = QueueFacts("mail", size=3, in_flight=2, listed=True, listeners=(IDLE,))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, ["served"]),
        ({"size": None}, ["wrong_type"]),
        ({"size": 0}, ["empty"]),
        ({"size": 0, "in_flight": 0, "listed": False, "listeners": ()}, ["unknown", "unheard", "empty"]),
        ({"listeners": ()}, ["unheard"]),
        ({"listeners": (replace(IDLE, silent=99.0),)}, ["silent"]),
        ({"listeners": (IDLE, replace(IDLE, silent=99.0))}, ["silent", "served"]),
        ({"listeners": (replace(IDLE, cap=2),)}, ["capped"]),
        ({"listeners": (replace(IDLE, cap=2), replace(IDLE, cap=2))}, ["served"]),
        ({"listeners": (replace(IDLE, cap=2), IDLE)}, ["served"]),
        ({"listeners": (replace(IDLE, busy=8),)}, ["busy"]),
        ({"paused_by": "ada", "paused_at": 0.0, "paused_why": "deploy"}, ["paused", "served"]),
        ({"all_paused_by": "pause:all"}, ["all_paused", "served"]),
        ({"here": "paused by command"}, ["daemon_paused", "served"]),
    ],
)
def test_each_fact_has_its_reason(change: dict[str, object], names: list[str]) -> None:
    """And each reason that something can be done about says what."""
    reasons = of_queue(replace(FACTS, **change))  # type: ignore[arg-type] # any of its fields
    assert [reason.name for reason in reasons] == names
    assert all(reason.remedy for reason in reasons if reason.stops)


def test_a_pause_says_who_when_and_why() -> None:
    """So that one knows whom to ask."""
    [paused, _] = of_queue(replace(FACTS, paused_by="ada", paused_at=0.0, paused_why="deploy"))
    assert paused.says == "queue mail is paused by ada since 1970-01-01 00:00:00 UTC: deploy"
    assert paused.remedy == "resqd resume-queue mail"


@pytest.mark.parametrize(
    ("found", "names"),
    [
        ({}, ["gone"]),
        ({"due": 0.0, "tries": ("ValueError: x",)}, ["later"]),
        ({"running": "on thread 1", "in_flight": "h/resqd:e.1"}, ["running"]),
        ({"in_flight": "h/resqd:e.1", "holder_silent": 1.0}, ["in_flight"]),
        ({"in_flight": "h/resqd:e.1", "holder_silent": 99.0}, ["holder_silent"]),
        ({"suspect_of": "h/resqd"}, ["suspect"]),
        ({"position": 2, "queue": FACTS}, ["waiting", "served"]),
        ({"failed": "ValueError: x"}, ["failed"]),
    ],
)
def test_a_job_is_explained_where_it_is(found: dict[str, object], names: list[str]) -> None:
    """One that waits by its queue's reasons."""
    assert [reason.name for reason in of_job(JobFacts("a1", **found))] == names  # type: ignore[arg-type] # any field
