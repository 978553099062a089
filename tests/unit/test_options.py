"""The options of a job: known to type checkers as to the registration, and refused by name."""

from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from resqd.errors import JobDefinitionError
from resqd.options import GivenOptions, JobOptions


def test_type_checkers_know_each_option() -> None:
    """What `app.job` takes by its annotation is what the registration takes, and of the same types."""
    own = {field.name for field in fields(JobOptions)}
    hints = {name: hint for name, hint in get_type_hints(JobOptions).items() if name in own}
    assert get_type_hints(GivenOptions) == hints


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"on_crash": "never"}, "on_crash is 'never'; it takes 'retry' or 'fail'"),
        ({"max_deliveries": 0}, "max_deliveries is 0; it takes 1 or more"),
        ({"retry": "often"}, "retry is 'often'; it takes a number of retries, a resqd.Retry, or a callable"),
        ({"timeout": 0}, "timeout is 0; it takes a number of seconds above 0"),
        ({"expires": float("nan")}, "expires is nan; it takes a number of seconds above 0"),
        (
            {"isolate": True, "memory": "1M"},
            "memory is '1M'; it takes bytes, or a text such as .*at least 32M",
        ),
        ({"isolate": True, "memory": "much"}, "memory is 'much'; it takes bytes"),
        ({"memory": "512M"}, "memory is for a process of its own: say isolate=True as well"),
        ({"max_delivery": 3}, "a job has no option 'max_delivery'; did you mean max_deliveries"),
        ({"queues": "mail"}, "a job has no option 'queues'; did you mean queue"),
        ({"zzz": 1}, "a job has no option 'zzz'; there are on_crash, "),
        ({"max_deliveries": "3"}, "max_deliveries is '3'; it takes 1 or more"),
        (
            {"zzz": 1, "retry": -1, "timeout": "5"},
            "no option 'zzz'; .*; retry: -1 times; .*; timeout is '5'; it takes",
        ),
    ],
)
def test_wrong_options_are_refused_by_name(given: dict[str, Any], said: str) -> None:
    """A misspelt option would be a promise that nobody keeps."""
    with pytest.raises(JobDefinitionError, match=said):
        JobOptions.of(given)


def test_options_are_kept() -> None:
    """As they were given; those that were not are the daemon's affair."""
    options = JobOptions.of({"max_deliveries": 2})
    assert (options.on_crash, options.max_deliveries, options.skip_failed_queue) == (None, 2, False)


@pytest.mark.parametrize(
    ("given", "size"),
    [("512M", 512 << 20), ("1.5g", 3 << 29), ("64 MiB".replace(" ", ""), 64 << 20), (1 << 26, 1 << 26)],
)
def test_memory_is_a_size(given: int | str, size: int) -> None:
    """As people write it."""
    options = JobOptions.of({"isolate": True, "memory": given})
    assert (options.memory_bytes, options.simple) == (size, False)
