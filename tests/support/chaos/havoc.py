"""The havoc of a chaos run: one act at a time, chosen at random, written into the books."""

import contextlib
import random
import time
from collections.abc import Callable

import psutil
import redis

from tests.support.chaos.books import Books
from tests.support.chaos.failures import Failures
from tests.support.chaos.host import PRUNE, Host
from tests.support.server import Server

DEAF = 15.0
"""Seconds after which a worker that was stopped beside its master goes on, if it has not been ended."""


class Havoc:
    """Kills, stops and cuts; `strike` returns how many of our processes it killed with SIGKILL."""

    def __init__(
        self, *, seed: int, server: Server, hosts: list[Host], books: Books, failures: Failures
    ) -> None:
        self._random = random.Random(seed)
        self._server = server
        self._hosts = hosts
        self._books = books
        self._failures = failures
        self._refusing_until: float | None = None
        self._stopped: list[tuple[float, psutil.Process]] = []
        self._acts: list[tuple[int, Callable[[Host], int]]] = [
            (70, self._kill_worker),
            (8, self._kill_housekeeper),
            (3, self._kill_master),
            (1, self._kill_worker_and_master),
            (1, self._kill_worker_and_housekeeper),
            (1, self._kill_master_and_housekeeper),
            (1, self._kill_master_beside_a_stopped_worker),
            (2, self._refuse_failures),
            (14, self._cut),
            (1, self._silence),
            (6, self._stop),
            (1, self._freeze),
            (2, self._restart_redis),
        ]

    def pause(self, average: float) -> None:
        """Wait for a random time before the next act."""
        time.sleep(average * 2 * self._random.random())

    def strike(self) -> int:
        """One act."""
        self.resume()
        weights = [weight for weight, _ in self._acts]
        [act] = self._random.choices([act for _, act in self._acts], weights)
        return act(self._random.choice(self._hosts))

    def _kill_worker(self, host: Host) -> int:
        workers = host.processes("worker")
        if not workers:
            return 0
        victim = self._random.choice(workers)
        self._books.doomed.add(victim.pid)
        self._books.worker_kills.append((victim.pid, time.time()))
        return self._kill(victim, "workers")

    def _kill_housekeeper(self, host: Host) -> int:
        found = host.processes("housekeeper")
        self._books.troubles.append(time.time())
        return self._kill(found[0], "housekeepers") if found else 0

    def _kill_master(self, host: Host) -> int:
        self._books.troubles.append(time.time())
        host.kill_master()
        self._books.kills["masters"] += 1
        return 1

    def _kill_worker_and_master(self, host: Host) -> int:
        return self._kill_worker(host) + self._kill_master(host)

    def _kill_worker_and_housekeeper(self, host: Host) -> int:
        return self._kill_worker(host) + self._kill_housekeeper(host)

    def _kill_master_and_housekeeper(self, host: Host) -> int:
        self._books.troubles.append(time.time())
        killed = host.kill_master(housekeeper=True)
        self._books.kills["masters"] += 1
        self._books.kills["housekeepers"] += killed
        return 1 + killed

    def _kill_master_beside_a_stopped_worker(self, host: Host) -> int:
        """The worker cannot hear of it: others must end it, with or without its housekeeper."""
        for victim in self._random.sample(host.processes("worker"), 1) if host.processes("worker") else []:
            self._hold(victim, DEAF)
            self._books.kills["workers stopped beside their master"] += 1
        return self._random.choice((self._kill_master, self._kill_master_and_housekeeper))(host)

    def _refuse_failures(self, _host: Host) -> int:
        """The list of failures is a key of another type for some seconds."""
        if self._refusing_until is None:
            self._refusing_until = time.monotonic() + self._random.uniform(0.2, 3.0)
            self._books.troubles.append(time.time())
            with contextlib.suppress(redis.RedisError):
                self._failures.refuse()
                self._books.kills["failure lists refused"] += 1
        return 0

    def _accept_failures(self) -> None:
        with contextlib.suppress(redis.RedisError):  # Redis is down: the next time
            self._failures.accept()
            self._refusing_until = None
            self._books.troubles.append(time.time())

    def _kill(self, victim: psutil.Process, what: str) -> int:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            self._books.kills[what] += 1
            return 1
        return 0

    def _cut(self, host: Host) -> int:
        host.proxy.cut(self._random.random())
        return 0

    def _silence(self, host: Host) -> int:
        """Longer than a heartbeat, shorter than what makes a daemon dead."""
        self._books.troubles.append(time.time())
        host.proxy.silence(self._random.uniform(0.1, 2.0))
        return 0

    def _stop(self, host: Host) -> int:
        """SIGSTOP of one process for a moment."""
        kind = self._random.choice(("worker", "worker", "housekeeper", "master"))
        if kind != "worker":
            self._books.troubles.append(time.time())
        for victim in host.processes(kind)[:1]:
            self._hold(victim, self._random.uniform(0.05, 1.5))
        return 0

    def _freeze(self, host: Host) -> int:
        """SIGSTOP of a whole host for longer than PRUNE_INTERVAL: it is fenced, and comes back."""
        for victim in host.daemon.tree():
            self._books.doomed.add(victim.pid)
            self._books.frozen.add(victim.pid)
            self._hold(victim, PRUNE + 2)
        self._books.kills["hosts frozen"] += 1
        return 0

    def _hold(self, victim: psutil.Process, seconds: float) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.suspend()
            self._stopped.append((time.monotonic() + seconds, victim))

    def resume(self, *, everybody: bool = False) -> None:
        now = time.monotonic()
        if self._refusing_until is not None and (everybody or now >= self._refusing_until):
            self._accept_failures()
        for at, victim in list(self._stopped):
            if everybody or now >= at:
                self._stopped.remove((at, victim))
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.resume()

    def _restart_redis(self, _host: Host) -> int:
        self._books.troubles.append(time.time())
        self._server.kill()
        time.sleep(self._random.random())
        self._server.start()
        self._books.troubles.append(time.time())
        self._books.kills["Redis"] += 1
        return 0
