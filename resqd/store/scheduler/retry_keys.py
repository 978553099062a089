"""The counters of the Ruby plugin resque-retry: read, so that people see what waits for another try; never written."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from resqd.store.resque.ruby_json import ruby_float, ruby_inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"\s", re.ASCII)


def retry_key(job_class: str, args: list[Any]) -> str:
    """The key that counts the tries of a job, without the namespace, where its class has no rule of its own for it."""
    joined = "-".join(_joined(args))
    digest = hashlib.sha1(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return _SPACE.sub("", ":".join(["resque-retry", job_class, *([digest] if joined else [])]))


def failure_key(key: str) -> str:
    """The key of the record of the last failure, as Resque's pages would show it."""
    return f"failure-{key}"


def _joined(values: list[Any]) -> Iterator[str]:
    """The parts of Ruby's Array#join: lists within are joined too, all else is made text."""
    for value in values:
        if isinstance(value, list):
            yield "-".join(_joined(value))
        elif isinstance(value, str):
            yield value
        elif isinstance(value, float):
            yield ruby_float(value)
        else:
            yield "" if value is None else ruby_inspect(value)
