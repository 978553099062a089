"""Which queues a worker reserves from: the configured patterns against the queues that exist, and quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from resqd.settings import QueueSpec
from resqd.store.patterns import is_pattern, matches

__all__ = ["expand", "is_pattern", "limited"]


def expand(specs: Sequence[QueueSpec], existing: Iterable[str]) -> list[str]:
    """The queues in strict order: the list's order, each pattern's matches sorted, no duplicates."""
    known = sorted(existing)
    ordered: dict[str, None] = {}
    for spec in specs:
        names = (
            [name for name in known if matches(spec.pattern, name)]
            if is_pattern(spec.pattern)
            else [spec.pattern]
        )
        ordered.update(dict.fromkeys(names))
    return list(ordered)


def limited(
    queues: Iterable[tuple[str, int]], quotas: Mapping[str, int], held: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """The queues, each capped one with how many more of its jobs this worker may take; full ones are left out."""
    room = [(queue, quotas[queue] - held.get(queue, 0) if queue in quotas else 0) for queue, _ in queues]
    return tuple((queue, limit) for queue, limit in room if queue not in quotas or limit > 0)
