"""Fairness: whether a worker idles while another one holds jobs that it has not begun."""

from __future__ import annotations

import time
from dataclasses import dataclass

from resqd.store.resque import encoding
from tests.bench.bench import NOOPS, POLL, Bench, Shape
from tests.bench.jobs import QUEUE

_SHAPE = Shape(workers=8, threads=1)
_PACED = 20_000
_LONGEST = 30.0
"""Seconds after which the last jobs are not waited for any more."""
_NAPS = [encoding.encode("Nap", [0.05], id=encoding.new_id()) for _ in range(500)]

_COUNT = """
local counts = {}
for at, key in ipairs(KEYS) do
  local length = redis.call('HLEN', key)
  local own = length < 100 and redis.call('HKEYS', key) or {'!n', '!seq'}
  for _, field in ipairs(own) do
    if string.sub(field, 1, 1) == '!' then length = length - 1 end
  end
  counts[at] = length
end
return counts
"""
"""What is no job in these hashes begins with an exclamation mark."""


@dataclass(slots=True)
class Unfairness:
    """The longest time over which some worker held nothing while another held more than its threads could run."""

    threads: int
    longest: float = 0.0
    since: float | None = None

    def see(self, now: float, held: list[int]) -> None:
        """Note how many jobs each worker holds at a moment in seconds."""
        if not (min(held, default=0) == 0 and max(held, default=0) > self.threads):
            self.since = None
            return
        self.since = now if self.since is None else self.since
        self.longest = max(self.longest, now - self.since)


def fairness(bench: Bench) -> dict[str, float]:
    """8 workers that had no-op jobs, and reserve them by hundreds, come upon jobs of 50 ms."""
    bench.place.clean()
    total = bench.place.fill(QUEUE, _PACED, NOOPS)
    total += _push_naps(bench)
    unfairness = Unfairness(_SHAPE.threads)
    with bench.daemon(_SHAPE):
        bench.await_processed(1)
        end = time.monotonic() + _LONGEST
        while bench.place.processed() < total and time.monotonic() < end:
            unfairness.see(time.monotonic(), _held(bench))
            time.sleep(POLL)
    bench.expect_all(total)
    return {"fairness": unfairness.longest * 1000}


def _push_naps(bench: Bench) -> int:
    naps = _NAPS[: bench.scale.count(400)]
    bench.place.client.rpush(bench.place.keys.queue(QUEUE), *naps)
    return len(naps)


def _held(bench: Bench) -> list[int]:
    """How many jobs are in flight in each living worker."""
    client = bench.place.client
    hashes = list(client.scan_iter(match=f"{bench.place.keys.namespace}:resqd:inflight:*", count=1_000))
    return [int(held) for held in client.eval(_COUNT, len(hashes), *hashes)]
