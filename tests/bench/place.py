"""Where the benchmark runs: a private embedded server, or a namespace of its own on REDIS_URL."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from resqd.store.keys import Keys
from resqd.store.redis import watcher
from resqd.store.redis.embedded import Embedded

_SERVER_ENDS_SECONDS = 60.0
_COMPACT_SECONDS = 10.0
_PUSH = 500
_FILL = 50_000
_LENGTHEN = """
local wanted = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local items = redis.call('LRANGE', KEYS[2], 0, -1)
local pushed = 0
while #items > 0 and pushed + #items <= wanted do
  redis.call('RPUSH', KEYS[1], unpack(items))
  pushed = pushed + #items
end
return pushed
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A server, a namespace on it that is the benchmark's alone, and a folder for files."""

    url: str
    keys: Keys
    folder: Path
    client: redis.Redis
    private: bool

    def clean(self) -> None:
        """Delete every key of the namespace; a private server's file is made short now, and not in a measure."""
        names = self.client.scan_iter(match=f"{self.keys.namespace}:*", count=10_000)
        batch: list[bytes] = []
        for name in names:
            batch.append(name)
            if len(batch) == 1_000:
                self.client.unlink(*batch)
                batch.clear()
        if batch:
            self.client.unlink(*batch)
        if self.private:
            self._compact()

    def _compact(self) -> None:
        self.client.config_set("auto-aof-rewrite-percentage", 0)
        self.client.bgrewriteaof()
        end = time.monotonic() + _COMPACT_SECONDS
        while time.monotonic() < end and self.client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)

    def fill(self, queue: str, count: int, payloads: Sequence[bytes]) -> int:
        """Fill an empty queue, at which no daemon works, with turns of the payloads; how many jobs that were.

        On a private server they are on its disk when this returns, so that its disk is idle when a measure begins.
        """
        self.client.sadd(self.keys.queues, queue)
        self.stock(payloads[:_PUSH])
        pushed = 0
        while count - pushed >= min(_PUSH, len(payloads)):
            pushed += self.top_up(queue, min(count, pushed + _FILL))
        if rest := payloads[: count - pushed]:
            self.client.rpush(self.keys.queue(queue), *rest)
        if self.private:
            self.client.execute_command("WAITAOF", 1, 0, round(_COMPACT_SECONDS * 1000))
        return pushed + len(rest)

    def stock(self, payloads: Sequence[bytes]) -> None:
        """Keep the payloads in the server, for `top_up`."""
        self.client.delete(self._stock)
        self.client.rpush(self._stock, *payloads)

    def top_up(self, queue: str, count: int) -> int:
        """Push the stock again and again while the queue is then no longer than `count`; how many jobs that were."""
        return int(self.client.eval(_LENGTHEN, 2, self.keys.queue(queue), self._stock, count))

    @property
    def _stock(self) -> str:
        return f"{self.keys.namespace}:stock"

    def length(self, queue: str) -> int:
        """How many jobs wait in a queue."""
        return int(self.client.llen(self.keys.queue(queue)))

    def processed(self) -> int:
        """How many jobs were acknowledged, as the daemon counts them."""
        return int(self.client.get(self.keys.stat("processed")) or 0)

    def failed(self) -> int:
        """How many jobs stand in the failed list."""
        return int(self.client.llen(self.keys.failed))


@contextlib.contextmanager
def opened(environ: Mapping[str, str]) -> Iterator[Place]:
    """REDIS_URL's server where it is set, else a private one; the namespace is cleaned up after."""
    with tempfile.TemporaryDirectory(prefix="resqd-bench-") as name:
        folder = Path(name)
        url = environ.get("REDIS_URL", "").strip()
        private = not url
        with contextlib.ExitStack() as stack:
            url = url or stack.enter_context(private_server(folder))
            client = stack.enter_context(redis.Redis.from_url(url))
            place = Place(url, Keys(f"resqd-bench-{os.getpid()}"), folder, client, private)
            stack.callback(place.clean)
            yield place


@contextlib.contextmanager
def private_server(folder: Path) -> Iterator[str]:
    """The embedded server with its files in `folder`; it has ended when this ends, so the folder may go."""
    embedded = Embedded.start(environ={"XDG_STATE_HOME": str(folder)})
    try:
        yield embedded.url
    finally:
        embedded.close()
        _wait_for_the_end(folder)


def _wait_for_the_end(folder: Path) -> None:
    end = time.monotonic() + _SERVER_ENDS_SECONDS
    with (folder / "resqd" / watcher.WATCHER).open("rb") as lock:
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.01)
