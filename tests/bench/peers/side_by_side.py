"""Other systems by resqd's own measure: the queue's length over time, between 15 and 85 % drained."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.arithmetic import drain_window, slope
from tests.bench.bench import Bench, Shape
from tests.bench.measures import elsewhere
from tests.bench.peers.environment import prepared, present
from tests.bench.peers.systems import PEERS, Peer

PREFIX = "peer="
RESQD = "resqd, 2 workers x 8 threads"
AWAITING = "resqd, 2 workers x 500 places, await 10 ms"
FORKING = "resqd, 2 workers, a fork for each job"
_FOLDER = Path(__file__).parent
_ENDS_SECONDS = 5
_RESQD_JOBS = 400_000
_FORKING_JOBS = 1_000


def side_by_side(bench: Bench) -> dict[str, float]:
    """resqd and each peer once, on a server whose databases are the benchmark's alone; without those in Ruby that
    are not on the machine."""
    programs = prepared()
    forking = Shape(threads=1, jobs_per_fork=1)
    rates = {}
    for name, shape, jobs in ((RESQD, Shape(), _RESQD_JOBS), (FORKING, forking, _FORKING_JOBS)):
        total = bench.scale.count(jobs)
        rates[name] = slope(drain_window(bench.drain(shape, total), total))
    rates[AWAITING] = elsewhere.awaiting(bench)["async"]
    for peer in filter(present, PEERS):
        rates[peer.name] = _rate(bench, peer, programs)
    return {PREFIX + name: rate for name, rate in rates.items()}


def _rate(bench: Bench, peer: Peer, programs: Path) -> float:
    client = bench.place.client
    client.flushall()
    environ = {**os.environ, "PEER_URL": bench.place.url, "PYTHONPATH": str(_FOLDER)}
    total = bench.scale.count(peer.jobs)
    subprocess.run(_filler(peer, programs, total), cwd=_FOLDER, env=environ, check=True)
    if (waiting := _length(client, peer.key)) != total:
        raise ValueError(f"{peer.name}: {total} jobs were pushed and {waiting} wait in {peer.key}")
    with _workers(peer, programs, bench.place.url, environ, bench.place.folder / "peer.log"):
        samples = bench.watch(lambda: _length(client, peer.key))
    client.flushall()
    return slope(drain_window(samples, total))


def _length(client: Any, key: str) -> int:
    """How many jobs are in a queue, whatever it is made of."""
    return int(client.zcard(key) if client.type(key) == b"zset" else client.llen(key))


def _filler(peer: Peer, programs: Path, total: int) -> list[str]:
    if peer.is_ruby:
        return ["ruby", f"-r./{peer.module}", "-e", f"fill({total})"]
    return [str(programs / "python"), "-c", f"import {peer.module}; {peer.module}.fill({total})"]


@contextlib.contextmanager
def _workers(
    peer: Peer, programs: Path, url: str, environ: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The peer's workers in a process group of their own, of which nothing is left at the end."""
    command = [
        peer.command[0] if peer.is_ruby else str(programs / peer.command[0]),
        *(url if word == "URL" else word for word in peer.command[1:]),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=_FOLDER, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDS_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
