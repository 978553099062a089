"""The keys of resque-retry, as its version of 2024 was seen to make them with Ruby 3.1."""

from typing import Any

import pytest

from resqd.store.scheduler.retry_keys import retry_key

RUBY_KEYS: list[tuple[list[Any], str]] = [
    ([], "resque-retry:A::B"),
    ([1, "é x", None, True, 1e20, 1.5], "resque-retry:A::B:b6913aa24be3c8339ef52846180e16328c2de1ff"),
    ([[1, [2, "a"]], 3], "resque-retry:A::B:4bd7451695100f9e121d3bf5d4a93041d6a12e77"),
    ([{"a": 1}], "resque-retry:A::B:74e70f6487a1f3bc358cf155058e625ad786257c"),
    ([{"b c": [1, None, {"x": "y"}]}, 2], "resque-retry:A::B:f76785fec46a91a46507efd80a0d697ffd8fa58e"),
]


@pytest.mark.parametrize(("args", "expected"), RUBY_KEYS)
def test_the_key_is_rubys(args: list[Any], expected: str) -> None:
    """Of lists within lists, objects and numbers as well."""
    assert retry_key("A::B", args) == expected


def test_white_space_goes_from_the_name() -> None:
    """As Ruby's gsub takes it."""
    assert retry_key("A b", []) == "resque-retry:Ab"
