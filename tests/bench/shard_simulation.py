"""Simulates 64 shards and a thousand hosts: what the hosts that do nothing cost each shard, beside measured costs.

`python -m tests.bench.shard_simulation` measures what a heartbeat, a look at all others and an idle poll cost a real
server with so many daemons, runs the doorbells of all hosts on one shard (doorbell_simulation), and prints a table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import redis

from resqd.settings import Settings
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.registry import Registry
from resqd.worker.poller import POLL_MOST
from tests.bench.doorbell_simulation import simulate
from tests.support.server import Server

SHARDS, HOSTS = 64, 1_000
RATES = (6_400, 64_000, 640_000)
"""Pushes a second to all shards together."""
WORKERS = 64
"""Of each host: one for each shard, the least that there is."""
HOUSE = 3
"""Connections of one housekeeper to each shard while nothing is due: its keeper, the doorbell, the ear."""
_TRIES = 300


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one shard's Redis for each, with all daemons registered."""

    beat: float
    watch: float
    poll: float


def measured(hosts: int = HOSTS) -> Costs:
    """By the server's own count of the microseconds of each command."""
    binary = server_binary()
    assert binary is not None
    keys = Keys()
    with Server(binary) as server, redis.Redis.from_url(server.url()) as client:
        link = Link(ConnectionConfig.from_url(server.url()))
        registries = [
            Registry(
                link=link,
                keys=keys,
                life=f"host{n}/resqd:{n:016x}",
                worker_id=f"host{n}:{n}:*:64:1:0",
                beats_every=2,
            )
            for n in range(hosts)
        ]
        for registry in registries:
            registry.heartbeat()
        recovery = Recovery(link=link, keys=keys)
        beat = _cost(client, lambda: registries[0].heartbeat(register=False))
        watch = _cost(client, recovery.counters)
        poll = _cost(client, lambda: link.call("EXISTS", keys.queue("q")))
        link.close()
    return Costs(beat, watch, poll)


def _cost(client: redis.Redis, act: Callable[[], object]) -> float:
    act()
    client.config_resetstat()
    for _ in range(_TRIES):
        act()
    # A script's commands are counted in its own time and once more by themselves.
    spent = {name: stats["usec"] for name, stats in client.info("commandstats").items()}
    return float(max(spent.values())) / _TRIES / 1e6


def table(costs: Costs) -> str:
    """In Markdown: what idle hosts cost each shard, by how many pushes there are in all."""
    settings = Settings()
    beats = HOSTS / settings.heartbeat_interval
    watches = HOSTS / (2 * settings.heartbeat_interval * 0.75)
    polls = HOSTS * (WORKERS // SHARDS) / POLL_MOST
    fixed = {
        "heartbeats": beats * costs.beat,
        "looks at others": watches * costs.watch,
        "idle polls": polls * costs.poll,
    }
    lines = [
        "| pushes/s in all | on each shard | doorbells | "
        + " | ".join(fixed)
        + " | in all | pickup p50 / p99 |",
        "|---|---|---|" + "---|" * (len(fixed) + 2),
    ]
    for rate in RATES:
        bells = simulate(hosts=HOSTS, rate=rate / SHARDS)
        cells = [f"{rate:,}", f"{rate / SHARDS:,.0f}", f"{bells.share:.1%}"]
        cells += [f"{share:.1%}" for share in fixed.values()]
        cells.append(f"{bells.share + sum(fixed.values()):.1%}")
        cells.append(f"{bells.median * 1e3:.1f} / {bells.worst * 1e3:.1f} ms")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print it."""
    costs = measured()
    sys.stdout.write(
        f"{SHARDS} shards, {HOSTS:,} hosts of {WORKERS} workers, one for each shard; in parts of one shard's Redis\n"
        f"measured with {HOSTS:,} daemons: heartbeat {costs.beat * 1e6:.1f} us, look at all others "
        f"{costs.watch * 1e6:.0f} us, idle poll {costs.poll * 1e6:.1f} us\n"
        f"connections of each shard: {HOSTS * (WORKERS // SHARDS + HOUSE):,} (were each worker to serve all shards: "
        f"{HOSTS * (WORKERS + HOUSE):,})\n\n{table(costs)}\n"
    )


if __name__ == "__main__":
    main()
