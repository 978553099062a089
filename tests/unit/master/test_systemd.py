"""What the master tells systemd, seen from a socket in systemd's place."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from resqd.master.systemd import Notifier

PID = 42


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def notifier(address: str, time: Time, **environ: str) -> Notifier:
    return Notifier(environ={"NOTIFY_SOCKET": address, **environ}, pid=PID, clock=time)


def received(sock: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(sock.recv(4096).decode())
        except BlockingIOError:
            return messages


def fill(address: str) -> None:
    """Fill the socket's queue, with a new sender as soon as one has used up its own buffer."""
    sent = True
    while sent:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sent = False
            with suppress(BlockingIOError):
                while sock.sendto(b"x", address):
                    sent = True


def test_state_changes_are_sent_at_once(systemd: socket.socket, time: Time) -> None:
    """READY, RELOADING with its time, STOPPING and more time arrive as systemd spells them, in order."""
    notify = notifier(systemd.getsockname(), time)
    notify.ready()
    notify.reloading()
    notify.ready()
    notify.stopping()
    notify.extend_timeout(1.5)
    notify.close()
    assert received(systemd) == [
        "READY=1",
        "RELOADING=1\nMONOTONIC_USEC=1000000000",
        "READY=1",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=1500000",
    ]


def test_abstract_address(time: Time) -> None:
    """An address with @ is one in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")  # the kernel gives an abstract address
        sock.setblocking(False)
        name: bytes = sock.getsockname()
        notify = notifier("@" + name[1:].decode(), time)
        notify.ready()
        notify.close()
        assert received(sock) == ["READY=1"]


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_without_a_socket_nothing_happens(address: str, time: Time) -> None:
    """Outside systemd, or with an address of another kind, all calls are silent and nothing is due."""
    notify = notifier(address, time, WATCHDOG_USEC="1000000")
    notify.ready()
    notify.status("x")
    notify.tick(time())
    assert notify.next_at() is None
    assert notify.descriptors() == []


def test_watchdog_beats_at_half_its_time(systemd: socket.socket, time: Time) -> None:
    """With WATCHDOG_USEC the beat comes every half of it, and `next_at` asks for that."""
    notify = notifier(systemd.getsockname(), time, WATCHDOG_USEC="10000000", WATCHDOG_PID=str(PID))
    notify.tick(time())
    assert received(systemd) == ["WATCHDOG=1"]
    assert notify.next_at() == 1005.0
    time.now = 1004.9
    notify.tick(time())
    assert received(systemd) == []
    time.now = 1005.0
    notify.tick(time())
    assert received(systemd) == ["WATCHDOG=1"]
    notify.close()


@pytest.mark.parametrize(
    "environ", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "41"}]
)
def test_watchdog_for_another_process_is_left_alone(
    systemd: socket.socket, time: Time, environ: dict[str, str]
) -> None:
    """Without a watchdog, or with one that waits for another pid, there is no beat."""
    notify = notifier(systemd.getsockname(), time, **environ)
    notify.tick(time())
    assert received(systemd) == []
    assert notify.next_at() is None
    notify.close()


def test_status_is_one_line_and_not_too_often(systemd: socket.socket, time: Time) -> None:
    """Of many status lines in a second the last is sent; the same line is not sent twice."""
    notify = notifier(systemd.getsockname(), time)
    notify.status("2 workers\nREADY=1")
    notify.tick(time())
    assert received(systemd) == ["STATUS=2 workers READY=1"]
    notify.status("3 workers")
    notify.status("4 workers")
    notify.tick(time())
    assert received(systemd) == []
    assert notify.next_at() == 1001.0
    time.now = 1001.0
    notify.tick(time())
    assert received(systemd) == ["STATUS=4 workers"]
    time.now = 1003.0
    notify.status("4 workers")
    notify.tick(time())
    assert received(systemd) == []
    notify.close()


def test_full_socket_blocks_nobody_and_loses_no_state(systemd: socket.socket, time: Time) -> None:
    """While systemd reads nothing calls return at once; what they said follows, in order, when it reads again."""
    notify = notifier(systemd.getsockname(), time)
    fill(systemd.getsockname())
    notify.ready()
    notify.stopping()
    assert notify.next_at() == pytest.approx(1000.1)
    assert set(received(systemd)) == {"x"}
    notify.tick(time())
    assert received(systemd) == []
    time.now = 1000.2
    notify.tick(time())
    assert received(systemd) == ["READY=1", "STOPPING=1"]
    assert notify.next_at() is None
    notify.close()


def test_systemd_that_is_away_for_a_moment_is_not_given_up(tmp_path: Path, time: Time) -> None:
    """A notify socket that is not there now is tried again every second: the watchdog waits for us."""
    address = str(tmp_path / "notify")
    notify = notifier(address, time, WATCHDOG_USEC="10000000")
    notify.ready()
    assert notify.next_at() == 1001.0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.setblocking(False)
        time.now = 1001.0
        notify.tick(time())
        assert received(sock) == ["READY=1", "WATCHDOG=1"]
    notify.close()


def test_a_reload_bridges_the_time_without_a_beat(systemd: socket.socket, time: Time) -> None:
    """The watchdog's time is made longer for an import that holds the GIL, and its own again after it."""
    beating = notifier(systemd.getsockname(), time, WATCHDOG_USEC="4000000")
    beating.bridge(30)
    beating.bridged()
    assert received(systemd) == ["WATCHDOG=1\nWATCHDOG_USEC=34000000", "WATCHDOG=1\nWATCHDOG_USEC=4000000"]
    idle = notifier(systemd.getsockname(), time)
    idle.bridge(30)
    idle.bridged()
    assert received(systemd) == []
