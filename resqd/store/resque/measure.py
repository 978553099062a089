"""How long queues are and how old their oldest jobs: asked now and then, for gauges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from resqd.store.keys import Keys
from resqd.store.names import to_bytes, to_text
from resqd.store.redis.link import Link
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall

_MEASURE = Script.load("resque/measure")
_CHUNK = 500
"""Queues in one call: it holds the server for some hundred microseconds."""
_ENQUEUED_AT = re.compile(rb'"enqueued_at":(\d{1,18}(?:\.\d{1,18})?)')


@dataclass(frozen=True, slots=True)
class Measured:
    """By queue, how many jobs wait and for how many seconds the oldest has; and how many jobs are elsewhere."""

    lengths: dict[str, int]
    latencies: dict[str, float]
    """Only of queues whose oldest job says when it was enqueued, or that are empty: 0."""
    places: dict[str, int]


def measure(link: Link, keys: Keys, *, now: float) -> Measured:
    """Look at all queues; `now` in seconds since 1970. Errors: StoreError."""
    names: list[bytes] = sorted(link.call("SMEMBERS", keys.queues))
    lengths: dict[str, int] = {}
    latencies: dict[str, float] = {}
    for some in _chunks(names):
        lists = [to_bytes(keys.queue_prefix) + name for name in some]
        reply = link.run_script(ScriptCall(_MEASURE, PackedKeys.of(*lists)))
        for name, length, tail in zip(map(to_text, some), reply[::2], reply[1::2], strict=True):
            lengths[name] = int(length)
            if not length:
                latencies[name] = 0.0
            elif found := _ENQUEUED_AT.search(tail):
                latencies[name] = max(0.0, now - float(found[1]))
    return Measured(lengths, latencies, _places(link, keys))


def summed(parts: Iterable[Measured]) -> Measured:
    """What is on several shards together: lengths and counts are added, and of the oldest jobs the oldest counts."""
    total = Measured({}, {}, {})
    for part in parts:
        for name, count in part.lengths.items():
            total.lengths[name] = total.lengths.get(name, 0) + count
        for name, seconds in part.latencies.items():
            total.latencies[name] = max(total.latencies.get(name, 0.0), seconds)
        for name, count in part.places.items():
            total.places[name] = total.places.get(name, 0) + count
    return total


def _places(link: Link, keys: Keys) -> dict[str, int]:
    return {
        "failed": int(link.call("LLEN", keys.failed)),
        "later": int(link.call("ZCARD", keys.later)),
    }


def _chunks(names: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
