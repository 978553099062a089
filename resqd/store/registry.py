"""The Ruby fork's registry of workers: how a daemon shows itself to web pages, other hosts and Ruby workers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.failures import page_safe
from resqd.store.keys import Keys, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis import Redis

    from resqd.store.payload import Payload

_HEARTBEAT: Final = """
-- KEYS: heartbeats, workers, ours, started. ARGV: id.
-- HDEL comes first: a script that begins by freeing passes at maxmemory.
local now = redis.call('TIME')[1]
redis.call('HDEL', KEYS[1], ARGV[1])
local days, rest = math.floor(now / 86400), now % 86400
local z = days + 719468
local era = math.floor(z / 146097)
local doe = z - era * 146097
local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
local mp = math.floor((5 * doy + 2) / 153)
local day = doy - math.floor((153 * mp + 2) / 5) + 1
local month = mp < 10 and mp + 3 or mp - 9
local year = yoe + era * 400 + (month <= 2 and 1 or 0)
local date = string.format('%04d-%02d-%02d', year, month, day)
local clock = string.format('%02d:%02d:%02d', math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
redis.call('HSET', KEYS[1], ARGV[1], date .. 'T' .. clock .. 'Z')
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('SET', KEYS[4], date .. ' ' .. clock .. ' +0000', 'NX')
return tonumber(now)
"""

_SHOWN_PAYLOAD: Final = 64 * 1024
_TTL: Final = 60


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What one thread runs: `pid` of its worker process, its number there, and since when (seconds since 1970)."""

    pid: int
    thread: int
    queue: str
    run_at: float
    payload: Payload


class Registry:
    """Writes one daemon's entries; `worker_id` stays as it was at the start, through reloads and scaling."""

    def __init__(self, *, client: Redis, keys: Keys, worker_id: str) -> None:
        self._client = client
        self._keys = keys
        self._id = worker_id
        self._beat = client.register_script(_HEARTBEAT)
        self._shown: set[tuple[int, int]] = set()

    def heartbeat(self) -> None:
        """Register and beat in one step, by Redis's clock; needed each time, as Ruby workers may prune us."""
        keys = self._keys
        self._beat(
            keys=[
                to_bytes(key)
                for key in (keys.heartbeats, keys.workers, own_workers(keys), keys.worker_started(self._id))
            ],
            args=[to_bytes(self._id)],
        )

    def publish(self, running: Sequence[RunningJob], *, ttl: int = _TTL) -> None:
        """Show what each thread runs, and nothing else; entries that are not shown again go after `ttl` seconds."""
        threads = to_bytes(self._keys.worker_threads(self._id))
        places = {(job.pid, job.thread) for job in running}
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(threads, *(self._thread_key(*place) for place in self._shown - places))
            for job in running:
                pipe.sadd(threads, to_bytes(f"{self._id}:{job.pid}:{job.thread}"))
                pipe.set(self._thread_key(job.pid, job.thread), shown(job), ex=ttl)
            pipe.expire(threads, ttl)
            pipe.execute()
        self._shown = places

    def take_kills(self, pids: Iterable[int]) -> list[tuple[int, int]]:
        """The threads (worker's pid, number) that a page asked to kill since the last call."""
        asked = list(pids)
        with self._client.pipeline(transaction=True) as pipe:
            for pid in asked:
                key = to_bytes(self._keys.worker_kills(self._id, pid))
                pipe.lrange(key, 0, -1)
                pipe.delete(key)
            replies = pipe.execute()[::2]
        return [
            (pid, int(thread))
            for pid, threads in zip(asked, replies, strict=True)
            for thread in threads
            if thread.isdigit()
        ]

    def unregister(self, pids: Iterable[int] = ()) -> None:
        """Take every entry of this daemon away; `pids` of worker processes whose kill lists may remain."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(
                *(self._thread_key(*place) for place in self._shown),
                *(to_bytes(self._keys.worker_kills(self._id, pid)) for pid in pids),
                *entries_of(self._keys, self._id),
            )
            for key in (self._keys.workers, own_workers(self._keys)):
                pipe.srem(key, to_bytes(self._id))
            pipe.hdel(self._keys.heartbeats, to_bytes(self._id))
            pipe.execute()
        self._shown = set()

    def _thread_key(self, pid: int, thread: int) -> bytes:
        return to_bytes(self._keys.worker_thread(self._id, pid, thread))


def own_workers(keys: Keys) -> str:
    """The set of the workers in `workers` that are resqd's, and so may be pruned by it."""
    return f"{keys.namespace}:resqd:workers"


def entries_of(keys: Keys, worker_id: str) -> list[bytes]:
    """The keys that hold one worker's start, threads and counters."""
    names = (
        keys.worker_started(worker_id),
        keys.worker_threads(worker_id),
        keys.stat(f"processed:{worker_id}"),
        keys.stat(f"failed:{worker_id}"),
    )
    return [to_bytes(name) for name in names]


def shown(job: RunningJob) -> bytes:
    """A running job as Resque's pages read it: queue, run_at (ISO 8601, UTC), payload (an object)."""
    run_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job.run_at))
    head = f'{{"queue":{json.dumps(job.queue)},"run_at":"{run_at}","payload":'
    return head.encode() + page_safe(job.payload.raw, job.payload, limit=_SHOWN_PAYLOAD) + b"}"
