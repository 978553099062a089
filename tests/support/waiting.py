"""Waiting for a condition under a deadline, which is how every test here waits."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T | None], seconds: float = 10.0, *, what: str = "", every: float = 0.01
) -> T:
    """The first true value that `condition` gives; AssertionError after `seconds`, naming `what`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() >= end:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}; last seen: {value!r}")
        time.sleep(every)
    return value
