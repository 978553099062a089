"""Names of queues that stand for all that match them, as Ruby's File.fnmatch reads them."""

from __future__ import annotations

import fnmatch
import re

_WILD = re.compile(r"[*?\[\]{}]")


def is_pattern(name: str) -> bool:
    """Whether a queue's name stands for all that match it: it has one of `* ? [] {}`."""
    return _WILD.search(name) is not None


def literal_head(pattern: str) -> str:
    """What every name that matches begins with."""
    return _WILD.split(pattern, maxsplit=1)[0]


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern, or the plain name, stands for this queue."""
    if not is_pattern(pattern):
        return pattern == name
    return any(fnmatch.fnmatchcase(name, each) for each in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [each for choice in match[1].split(",") for each in _alternatives(head + choice + tail)]
