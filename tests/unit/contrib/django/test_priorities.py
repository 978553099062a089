"""From a task's priority to its queue."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from resqd.contrib.django.priorities import DEFAULT_PRIORITIES, Priorities


@pytest.mark.parametrize(
    ("priority", "queue"),
    [(100, "mail_high"), (1, "mail_high"), (0, "mail"), (-1, "mail_low"), (-100, "mail_low")],
)
def test_by_default_there_are_three_queues(priority: int, queue: str) -> None:
    """Above nought, nought, and below."""
    assert Priorities.of(DEFAULT_PRIORITIES).queue("mail", priority) == queue


def test_below_the_lowest_number_is_the_lowest_queue() -> None:
    """So every priority has one."""
    two = Priorities.of({50: "urgent", 0: "{queue}"})
    assert [two.queue("mail", priority) for priority in (60, 50, 49, -100)] == [
        "urgent",
        "urgent",
        "mail",
        "mail",
    ]


def test_all_queues_come_most_urgent_first() -> None:
    """In the order that QUEUES wants."""
    assert Priorities.of(DEFAULT_PRIORITIES).all({"b", "a"}) == [
        "a_high",
        "b_high",
        "a",
        "b",
        "a_low",
        "b_low",
    ]


@pytest.mark.parametrize("wrong", [{}, {"high": "x"}, {1: 2}, []])
def test_a_wrong_option_is_refused(wrong: Any) -> None:
    """With an example of a right one."""
    with pytest.raises(ImproperlyConfigured, match=r"PRIORITY_QUEUES is .* such as"):
        Priorities.of(wrong)
