"""The control server in a loop like the master's, against clients that mean it no good (faults 13, 34, 35)."""

from __future__ import annotations

import fcntl
import select
import socket
import subprocess
import sys
import termios
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import msgpack
import psutil
import pytest

from resqd.cli.client import Client, RefusedError, TimedOutError
from resqd.master.commands.server import CALLERS, PATIENCE
from tests.process.conftest import StartMaster, connected
from tests.support.waiting import wait_for

Master = subprocess.Popen[str]
ANSWER_LIMIT = 0.05
"""Seconds within which the master answers, at the median: the slowest answers tell of the machine's load."""
SLOWEST_LIMIT = 0.5
"""The same for 99 of 100 answers; on a quiet one these too come within ANSWER_LIMIT."""


def unread(sock: socket.socket) -> int:
    """How many bytes, as the kernel counts them, the server has not read yet."""
    return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def dropped(sock: socket.socket) -> bool:
    """Whether the server ends the connection, without an answer, before the socket's timeout."""
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def hung_up(sock: socket.socket) -> bool:
    """Whether the server has closed the connection, found out without reading."""
    poller = select.poll()
    poller.register(sock, 0)
    return bool(poller.poll(0))


def answer_times(path: Path, count: int) -> list[float]:
    client, times = Client([path]), []
    for _ in range(count):
        before = time.monotonic()
        client.call("ping", timeout=5)
        times.append(time.monotonic() - before)
    return sorted(times)


@pytest.mark.usefixtures("master")
@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\xc1", b"\xdb\x7f\xff\xff\xff" + b"x" * (1 << 20)]
)
def test_garbage_and_too_much_end_the_connection(socket_path: Path, data: bytes) -> None:
    """Bytes that are no call, or more than the limit of one, end their connection at once; others are answered."""
    with connected(socket_path) as sock:
        before = time.monotonic()
        with suppress(ConnectionError):  # dropped while it was still sending
            sock.sendall(data)
        assert dropped(sock)
        assert time.monotonic() - before < 1
    assert Client([socket_path]).call("ping", timeout=5) == {"ok": True}


def test_bytes_after_the_call_end_the_connection(master: Master, socket_path: Path) -> None:
    """While a reply is owed a client may not go on sending: there is nothing that could pile up."""
    with connected(socket_path) as sock:
        sock.sendall(msgpack.packb({"command": "kill", "job_id": "never"}))
        sock.sendall(b"\x00")
        assert dropped(sock)
    assert master.poll() is None


def test_one_byte_a_second_is_dropped_in_time(master: Master, socket_path: Path) -> None:
    """A client that sends a byte now and then, or none, has PATIENCE in all, not for each byte."""
    call = msgpack.packb({"command": "ping", "x": "y" * 1000})
    with connected(socket_path) as slow, connected(socket_path) as silent:
        before, sent = time.monotonic(), 0
        slow.settimeout(0.3)
        while True:
            try:
                slow.sendall(call[sent : sent + 1])
                sent += 1
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                assert time.monotonic() - before < PATIENCE + 2
            except ConnectionError:
                break
        assert PATIENCE - 0.5 < time.monotonic() - before < PATIENCE + 1
        assert dropped(silent)
    assert master.poll() is None


@pytest.mark.usefixtures("master")
def test_client_that_takes_no_reply_is_dropped(socket_path: Path) -> None:
    """A reply that stays unread costs its memory for PATIENCE seconds only."""
    with connected(socket_path) as sock:
        sock.sendall(msgpack.packb({"command": "stacks"}))
        wait_for(lambda: hung_up(sock), PATIENCE + 2, what="it was dropped")
        received = 0
        while data := sock.recv(1 << 20):
            received += len(data)
        assert received < 1_000_000


def test_a_thousand_idle_connections_do_not_keep_others_out(master: Master, socket_path: Path) -> None:
    """With 1,000 idle connections others are answered in under 50 ms (p99), at 64 KiB each at most.

    All of the 1,000 are gone within PATIENCE.
    """
    process = psutil.Process(master.pid)
    before_memory = process.memory_info().rss
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(socket_path)) for _ in range(1000)]
        began = time.monotonic()
        for sock in idle[-CALLERS:]:
            sock.sendall(b"\xdb\x7f\xff\xff\xff")
        times = answer_times(socket_path, 300)
        assert times[len(times) // 2] < ANSWER_LIMIT
        assert times[int(len(times) * 0.99)] < SLOWEST_LIMIT
        assert process.memory_info().rss - before_memory < 1000 * 64 * 1024
        assert process.num_fds() < CALLERS + 30
        assert all(dropped(sock) for sock in idle)
        assert time.monotonic() - began < PATIENCE + 1


@pytest.mark.usefixtures("master")
def test_a_flood_of_connections_does_not_keep_others_waiting(socket_path: Path) -> None:
    """While threads connect and send garbage as fast as they can, others are answered in time."""
    end = threading.Event()

    def flood() -> None:
        while not end.is_set():
            with connected(socket_path) as sock, suppress(ConnectionError):
                sock.sendall(b"\xc1")

    threads = [threading.Thread(target=flood) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        times = answer_times(socket_path, 300)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert times[len(times) // 2] < ANSWER_LIMIT
    assert times[int(len(times) * 0.99)] < SLOWEST_LIMIT


@pytest.mark.usefixtures("master")
def test_too_many_unanswered_calls_are_refused(socket_path: Path) -> None:
    """When as many calls wait as there may be connections, the next is refused and those that wait stay."""
    call = msgpack.packb({"command": "kill", "job_id": "never"})
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(socket_path)) for _ in range(CALLERS)]
        for sock in waiting:
            sock.sendall(call)
        wait_for(lambda: not any(unread(sock) for sock in waiting), what="the server has read the calls")
        with pytest.raises(RefusedError, match="too many requests at once"):
            Client([socket_path]).call("ping", timeout=5)
        waiting[0].settimeout(0.01)
        with pytest.raises(TimeoutError):
            waiting[0].recv(1)


def test_shortage_of_descriptors_does_not_spin(start_master: StartMaster, socket_path: Path) -> None:
    """Out of descriptors the server uses under 5 % CPU, and answers within a second of the shortage's end."""
    master = start_master("16")
    process = psutil.Process(master.pid)
    call = msgpack.packb({"command": "kill", "job_id": "never"})
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(socket_path)) for _ in range(16)]
        for sock in waiting:
            sock.sendall(call)
        wait_for(lambda: process.num_fds() == 16, what="the descriptors ran out")
        before = sum(process.cpu_times()[:2])
        with pytest.raises(TimedOutError):
            Client([socket_path]).call("ping", timeout=2)
        assert sum(process.cpu_times()[:2]) - before < 0.05 * 2
    ended = time.monotonic()
    Client([socket_path]).call("ping", timeout=5)
    assert time.monotonic() - ended < 1
