"""Two shards on two servers beside one, where the server is the limit: each may run for a part of the time only."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from resqd.sharding import shards_of
from resqd.store.redis.embedded import server_binary
from resqd.store.shards.store import ShardedStore, open_store
from tests.bench.arithmetic import Sample, drain_window, slope
from tests.bench.bench import NOOPS, Bench, LostJobsError, Shape
from tests.bench.jobs import QUEUE
from tests.support.server import Server

_SHARE = 0.1
"""The part of each period for which a server may run: so it is the limit, and not this machine's processors."""
_PERIOD = 0.02
"""Seconds."""
_POLL = 0.02
_ENDS_SECONDS = 60.0


@contextmanager
def throttled(servers: list[Server]) -> Iterator[None]:
    """Let each server run for that part of the time, one by turns with the other as far as that goes."""
    ending = threading.Event()

    def govern() -> None:
        while not ending.is_set():
            for server in servers:
                os.kill(server.pid, signal.SIGCONT)
                time.sleep(_PERIOD * _SHARE)
                os.kill(server.pid, signal.SIGSTOP)
            time.sleep(max(0.0, _PERIOD * (1 - _SHARE * len(servers))))

    thread = threading.Thread(target=govern)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        for server in servers:
            os.kill(server.pid, signal.SIGCONT)


def shards(bench: Bench) -> dict[str, float]:
    """The same jobs on one server and on two, in turns, by the same two workers."""
    total = bench.scale.count(100_000)
    one, two = (_rate(bench, total, count) for count in (1, 2))
    return {"shards-one": one, "shards-two": two, "shards-of-one": two / one * 100}


def _rate(bench: Bench, total: int, count: int) -> float:
    binary = server_binary()
    assert binary is not None
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(Path(binary))) for _ in range(count)]
        urls = [server.url() for server in servers]
        names = [each.namespace for each in shards_of(urls, bench.place.keys.namespace)]
        _fill(urls, bench.place.keys.namespace, total)
        clients = [stack.enter_context(redis.Redis.from_url(url)) for url in urls]

        def left() -> int:
            pairs = zip(clients, names, strict=True)
            return sum(client.llen(f"{name}:queue:{QUEUE}") for client, name in pairs)

        with bench.daemon(Shape(), REDIS_URL="", REDIS_SHARDS=" ".join(urls)), throttled(servers):
            samples = _watch(left)
        done = sum(int(c.get(f"{n}:stat:processed") or 0) for c, n in zip(clients, names, strict=True))
        if done + left() != total:
            raise LostJobsError(f"{total} jobs pushed, {done} processed, {left()} waiting")
    return slope(drain_window(samples, total))


def _fill(urls: list[str], namespace: str, total: int) -> None:
    store = open_store(urls, namespace=namespace)
    assert len(urls) == 1 or isinstance(store, ShardedStore)
    for _ in range(total // len(NOOPS)):
        store.push(QUEUE, NOOPS)
    store.push(QUEUE, NOOPS[: total % len(NOOPS)])
    store.close()


def _watch(left: object) -> list[Sample]:
    assert callable(left)
    samples = [Sample(time.monotonic(), left())]
    while samples[-1].left > 0 and samples[-1].at < samples[0].at + _ENDS_SECONDS:
        time.sleep(_POLL)
        samples.append(Sample(time.monotonic(), left()))
    return samples
