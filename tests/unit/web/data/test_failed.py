"""Filters and groups of failures."""

import json
from dataclasses import replace

import pytest

from resqd.store.resque.failed_job import FailedJob
from resqd.web.data.failed import Filter, Groups, alike
from resqd.web.data.masks import Masks

MASKS = Masks({})


def failure(**more: object) -> FailedJob:
    """One of them."""
    record = {
        "failed_at": "2026/11/25 06:00:00 UTC",
        "payload": {"class": "pay", "args": ["Ünï", 40117], "id": "ab12"},
        "exception": "OSError",
        "error": "no answer in 12 ms",
        "queue": "billing",
    }
    return FailedJob.read(json.dumps(record | more).encode(), list_name="failed", index=0)


AT = 1795586400.0


@pytest.mark.parametrize(
    ("change", "matches"),
    [
        ({}, True),
        ({"text": "ANSWER"}, True),
        ({"text": "ünï"}, True),
        ({"text": "40117"}, True),
        ({"text": "ab12"}, True),
        ({"text": "oserr"}, True),
        ({"text": "billing"}, False),
        ({"job_class": "pay"}, True),
        ({"job_class": "pa"}, False),
        ({"queue": "mail"}, False),
        ({"error": "OSError"}, True),
        ({"alike": "no answer in # ms"}, True),
        ({"since": AT}, True),
        ({"since": AT + 1}, False),
        ({"until": AT - 1}, False),
        ({"text": "answer", "queue": "x"}, False),
    ],
)
def test_a_filter_matches(change: dict[str, object], matches: bool) -> None:
    """All of its parts must fit, and letters' case is set aside in text."""
    assert replace(Filter(), **change).matches(failure(), MASKS) is matches  # type: ignore[arg-type] # fields of several types


def test_a_failure_without_a_time_is_in_no_period() -> None:
    """It is only meant where no beginning is asked for."""
    lost = failure(failed_at=None)
    assert Filter(until=AT).matches(lost, MASKS)
    assert not Filter(since=AT).matches(lost, MASKS)


@pytest.mark.parametrize(
    ("error", "group"),
    [
        ("no answer in 12 ms", "no answer in # ms"),
        ("object at 0x7f00ab", "object at #"),
        ("job 7f3a91c2e08b4d57 gone", "job # gone"),
        ("", ""),
        ("a\nb", "a b"),
    ],
)
def test_numbers_in_messages_are_set_aside(error: str, group: str) -> None:
    """So that what differs in them only is one group."""
    assert alike(error) == group


def test_groups_are_bounded() -> None:
    """A list in which every error is another one ends no process."""
    groups = Groups()
    for number in range(5_000):
        groups.add(failure(error="x" * (number % 150) + chr(0x4E00 + number)))
    groups.add(failure())
    assert groups.total == 5_001
    assert len(groups) == 2_000
    assert len(groups.largest()) == 100
    assert groups.left_out == 3_001
