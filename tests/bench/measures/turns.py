"""Turns: ten thousand tenants served in round-robin, beside the same jobs in one queue."""

from __future__ import annotations

import time

from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import NOOPS, POLL, Bench, Shape

_TENANTS = 10_000
_EACH = 10
_AHEAD = 3
"""How often as many jobs lie in the queues as are run until one looks who got how much."""
_LONGEST = 60.0
_FILL = """
local jobs = {}
for i = 1, ARGV[1] do jobs[i] = ARGV[1 + i] end
for _, key in ipairs(KEYS) do redis.call('RPUSH', key, unpack(jobs)) end
"""
_LENGTHS = """
local lengths = {}
for at, key in ipairs(KEYS) do lengths[at] = redis.call('LLEN', key) end
return lengths
"""


def turns(bench: Bench) -> dict[str, float]:
    """The rates in turns; and how many jobs of each tenant have left its queue when a tenth of them was due to each."""
    tenants = bench.scale.count(_TENANTS)
    total = tenants * _EACH * _AHEAD
    one = slope(drain_window(bench.drain(Shape(), total), total))
    names = [f"tenant-{number:05}" for number in range(tenants)]
    keys = [bench.place.keys.queue(name) for name in names]
    _fill(bench, names, keys)
    lengths: list[int] = []
    with bench.daemon(Shape(queues="tenant-*"), RESQD_ORDER="round-robin"):
        end = time.monotonic() + _LONGEST
        while bench.place.processed() < tenants * _EACH and time.monotonic() < end:
            time.sleep(POLL)
        lengths = [int(length) for length in bench.place.client.eval(_LENGTHS, len(keys), *keys)]
        samples = bench.watch(lambda: total - bench.place.processed())
    bench.expect_all(total, names)
    served = [_EACH * _AHEAD - length for length in lengths]
    return {
        "turns": slope(drain_window(samples, total)),
        "turns-of-one": slope(drain_window(samples, total)) / one * 100,
        "turns-least": min(served) / (sum(served) / len(served)) * 100,
    }


def _fill(bench: Bench, names: list[str], keys: list[str]) -> None:
    bench.place.clean()
    bench.place.client.sadd(bench.place.keys.queues, *names)
    jobs = NOOPS[: _EACH * _AHEAD]
    for at in range(0, len(keys), 500):
        part = keys[at : at + 500]
        bench.place.client.eval(_FILL, len(part), *part, len(jobs), *jobs)
