"""Schedules of resque-scheduler's, as entries of the timetable."""

import json
from typing import Any

import pytest

from resqd.cron.entry import Entry
from resqd.cron.ruby_schedules import entry_of
from resqd.cron.schedule import Cron, Every


def read(config: Any, environment: str = "") -> Entry | None:
    queues = {"Known": "known"}
    raw = config if isinstance(config, bytes) else json.dumps(config).encode()
    return entry_of("nightly", raw, app="shop", queue_of=queues.get, environment=environment)


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        ({"cron": "*/5 * * * *"}, Cron("*/5 * * * *", "UTC")),
        ({"cron": ["0 3 * * *", {"first_in": "10s"}]}, Cron("0 3 * * *", "UTC")),
        ({"cron": "0 30 3 * * 1-5"}, Cron("30 3 * * 1-5", "UTC")),
        ({"cron": "30 3 * * * Europe/Berlin"}, Cron("30 3 * * *", "Europe/Berlin")),
        ({"cron": "0 30 3 * * mon America/New_York"}, Cron("30 3 * * mon", "America/New_York")),
        ({"every": "30s"}, Every(30)),
        ({"every": ["1h", {"first_in": "20s"}]}, Every(3600)),
    ],
)
def test_its_times_are_read_as_ruby_writes_them(config: dict[str, Any], schedule: Cron | Every) -> None:
    """Options behind them in a list, a zone, seconds that are 0."""
    entry = read({**config, "class": "Archive", "queue": "files", "args": [7, "main"]})
    assert entry == Entry(
        "resque-scheduler/nightly", schedule, "Archive", "files", (7, "main"), "skip", "shop"
    )


@pytest.mark.parametrize(("args", "expected"), [(None, ()), ([], ()), ({"a": 1}, ({"a": 1},)), (5, (5,))])
def test_arguments_that_are_no_list_are_one(args: Any, expected: tuple[Any, ...]) -> None:
    """As Ruby calls the job; the queue is the job's own where none is named, the class the schedule's name."""
    entry = read({"every": "1m", "class": "Known", "args": args})
    assert entry is not None
    assert (entry.args, entry.queue) == (expected, "known")
    named = read({"every": "1m", "queue": "q"})
    assert named is not None
    assert named.job_class == "nightly"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"class": "Known"}, "neither"),
        ({"every": "1m", "class": "Other"}, "names no queue"),
        ({"cron": "5 0 3 * * *", "class": "Known"}, "has seconds"),
        ({"cron": "never", "class": "Known"}, "never"),
        ({"every": 5, "class": "Known"}, "5 is no text"),
        ({"every": "1m", "class": 5}, "its class is 5"),
        ([1], "no object"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_cannot_be_carried_out_says_why(config: Any, words: str) -> None:
    """Others go on."""
    with pytest.raises(ValueError, match=words):
        read(config)


def test_it_is_for_some_environments() -> None:
    """Where it names any, as Ruby compares it."""
    config = {"every": "1m", "class": "Known", "rails_env": "staging, production"}
    assert read(config, "production") is not None
    assert read(config, "test") is None
    assert read(config) is None
