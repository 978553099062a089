"""Which queues a worker reserves from: the configured patterns against the queues that exist, and quotas."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence

from resqd.settings import QueueSpec

_WILD = re.compile(r"[*?\[\]{}]")


def is_pattern(name: str) -> bool:
    """Whether a queue's name stands for all that match it: it has one of `* ? [] {}`."""
    return _WILD.search(name) is not None


def expand(specs: Sequence[QueueSpec], existing: Iterable[str]) -> list[str]:
    """The queues in strict order: the list's order, each pattern's matches sorted, no duplicates."""
    known = sorted(existing)
    ordered: dict[str, None] = {}
    for spec in specs:
        names = (
            [name for name in known if _matches(spec.pattern, name)]
            if is_pattern(spec.pattern)
            else [spec.pattern]
        )
        ordered.update(dict.fromkeys(names))
    return list(ordered)


def _matches(pattern: str, name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, each) for each in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for, as Ruby's File.fnmatch reads it."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [each for choice in match[1].split(",") for each in _alternatives(head + choice + tail)]


def limited(
    queues: Iterable[tuple[str, int]], quotas: Mapping[str, int], held: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """The queues, each capped one with how many more of its jobs this worker may take; full ones are left out."""
    room = [(queue, quotas[queue] - held.get(queue, 0) if queue in quotas else 0) for queue, _ in queues]
    return tuple((queue, limit) for queue, limit in room if queue not in quotas or limit > 0)
