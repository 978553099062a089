"""What one look shows of all queues: how many jobs wait, how many are in flight, since when the oldest waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from resqd.store import payload as payloads
from resqd.store.guard import store_errors
from resqd.store.incarnation import of_life
from resqd.store.keys import to_bytes, to_text

if TYPE_CHECKING:
    from redis import Redis

    from resqd.store.keys import Keys

_COUNT: Final = """
-- KEYS: the in-flight hash of one incarnation. Returns its queues and how many jobs of each it holds.
local flat, counts, order, result = redis.call('HGETALL', KEYS[1]), {}, {}, {}
for i = 1, #flat, 2 do
  local size = string.sub(flat[i], 1, 1) ~= '!' and string.match(flat[i + 1], '^(%d+):')
  if size then
    local name = string.sub(flat[i + 1], #size + 2, #size + 1 + size)
    if not counts[name] then order[#order + 1] = name end
    counts[name] = (counts[name] or 0) + 1
  end
end
for _, name in ipairs(order) do
  result[#result + 1] = name
  result[#result + 1] = counts[name]
end
return result
"""
# Counted in the server, so that the payloads stay there.


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: jobs that wait (None: its key is not a list), jobs in flight, the oldest one's `enqueued_at`.

    That time is in seconds since 1970 by the producer's clock, None where it wrote none, as Ruby does.
    """

    name: str
    size: int | None
    in_flight: int
    oldest: float | None


class Overview:
    """Reads only; what it shows is not of one single moment."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._count = client.register_script(_COUNT)

    @store_errors
    def queues(self) -> list[QueueState]:
        """Every queue that has a name in the set or a job in flight, sorted by name."""
        held = self.in_flight()
        members = cast("set[bytes]", self._client.smembers(self._keys.queues))
        names = sorted({to_text(member) for member in members} | set(held))
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                key = to_bytes(self._keys.queue(name))
                pipe.llen(key)
                pipe.lindex(key, 0)
            replies = pipe.execute(raise_on_error=False)
        return [
            QueueState(name, size if isinstance(size, int) else None, held.get(name, 0), _enqueued_at(first))
            for name, size, first in zip(names, replies[::2], replies[1::2], strict=True)
        ]

    @store_errors
    def in_flight(self) -> dict[str, int]:
        """How many jobs all daemons hold, by queue."""
        counts: Counter[str] = Counter()
        for key in self._inflight_keys():
            flat = cast("list[bytes | int]", self._count(keys=[key]))
            for name, count in zip(flat[::2], flat[1::2], strict=True):
                counts[to_text(cast("bytes", name))] += cast("int", count)
        return dict(counts)

    @store_errors
    def suspects(self) -> int:
        """How many jobs wait to be run alone, because one of them may have killed its process."""
        return sum(self._client.llen(self._keys.suspects(daemon)) for daemon in self._daemons())

    def _inflight_keys(self) -> list[bytes]:
        return [
            to_bytes(self._keys.inflight(daemon, incarnation))
            for daemon in self._daemons()
            for incarnation in self._fields(self._keys.index(daemon))
        ]

    def _daemons(self) -> list[str]:
        return sorted({of_life(life)[0] for life in self._fields(self._keys.daemons)})

    def _fields(self, key: str) -> list[str]:
        return [to_text(field) for field in cast("list[bytes]", self._client.hkeys(key))]


def _enqueued_at(first: object) -> float | None:
    if not isinstance(first, bytes):
        return None
    return payloads.believed(payloads.decode_or_explain(first).enqueued_at)
