"""The control socket's own life: whose it is, who may use it, what becomes of it at an exec and at an end."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import psutil
import pytest

from resqd.cli.client import Client, DisconnectedError
from resqd.errors import ResqdError
from resqd.folders import FolderError
from resqd.master.commands.server import ControlError, ControlServer, Request
from tests.process.conftest import ENVIRON, StartMaster, connected
from tests.support.waiting import wait_for

Master = subprocess.Popen[str]


@pytest.mark.usefixtures("master")
def test_large_reply_arrives_whole(socket_path: Path) -> None:
    """A reply of many times a socket's buffer arrives in pieces and complete."""
    assert len(Client([socket_path]).call("stacks", timeout=5)["stacks"][0]["text"]) > 1_000_000


def test_stranger_is_refused(master: Master, socket_path: Path) -> None:
    """A process of another uid is told so, even where the file's mode would let it in."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    for folder in (socket_path.parent, *socket_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    socket_path.chmod(0o666)
    code = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect(sys.argv[1]); sys.stdout.buffer.write(s.recv(4096))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(socket_path)], capture_output=True, timeout=10, check=True
    )
    assert msgpack.unpackb(done.stdout) == {
        "ok": False,
        "error": "only the daemon's own user and root may steer it",
    }
    assert master.poll() is None


@pytest.mark.usefixtures("master")
def test_socket_is_private(socket_path: Path) -> None:
    """The socket is 0600 in a folder of 0700."""
    assert socket_path.stat().st_mode & 0o777 == 0o600
    assert socket_path.parent.stat().st_mode & 0o777 == 0o700


def test_stale_socket_is_replaced(start_master: StartMaster, socket_path: Path) -> None:
    """The socket file of a daemon that was killed is in nobody's way."""
    first = start_master()
    first.kill()
    first.wait()
    assert socket_path.exists()
    start_master()
    assert Client([socket_path]).call("ping", timeout=5) == {"ok": True}


@contextmanager
def selecting() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        yield selector


def test_path_that_cannot_be_bound_is_one_line(tmp_path: Path) -> None:
    """A path too long for a socket, or in a folder that others may write to, gives one clear line."""
    with selecting() as selector:
        long = ControlServer(path=tmp_path / ("x" * 120), selector=selector)
        with pytest.raises(ControlError, match="longer than 107 bytes"):
            long.start()
        long.close()
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        server = ControlServer(path=shared / "x.sock", selector=selector)
        with pytest.raises(FolderError, match="can be written to by others"):
            server.start()
        server.close()


def test_listening_socket_survives_an_exec(tmp_path: Path) -> None:
    """A client that connects while the master executes itself anew waits in the backlog, and is answered after."""
    path, program = tmp_path / "run" / "mail.sock", tmp_path / "again.py"
    program.write_text(
        "import os, selectors, sys, time\n"
        "from pathlib import Path\n"
        "from resqd.master.commands.server import ControlServer\n"
        "selector = selectors.DefaultSelector()\n"
        "server = ControlServer(path=Path(sys.argv[1]), selector=selector)\n"
        "if len(sys.argv) == 2:\n"
        "    server.start()\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    os.execv(sys.executable, [sys.executable, *sys.argv, str(server.hand_over())])\n"
        "server.adopt(int(sys.argv[2]), (0, 0, 0))\n"
        "assert not os.get_inheritable(int(sys.argv[2]))\n"
        "while True:\n"
        "    for key, events in selector.select():\n"
        "        key.data.ready(key, events)\n"
        "    while (request := server.take()) is not None:\n"
        "        request.reply({'ok': True, 'life': len(sys.argv)})\n"
    )
    command = [sys.executable, str(program), str(path)]
    with subprocess.Popen(
        command, env=ENVIRON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        with connected(path) as sock:
            sock.sendall(msgpack.packb({"command": "ping"}))
            process.stdin.write("\n")
            process.stdin.flush()
            assert msgpack.unpackb(sock.recv(4096)) == {"ok": True, "life": 3}
        process.kill()


def test_socket_of_a_later_daemon_stays(tmp_path: Path) -> None:
    """At its end a daemon removes its own socket only."""
    path = tmp_path / "run" / "mail.sock"
    with selecting() as selector:
        first = ControlServer(path=path, selector=selector)
        second = ControlServer(path=path, selector=selector)
        first.start()
        second.start()
        first.close()
        connected(path).close()
        second.close()
    assert not path.exists()


def test_descriptors_are_all_that_a_child_must_close(tmp_path: Path) -> None:
    """`descriptors` names the listening socket and every client's."""
    with selecting() as selector:
        server = ControlServer(path=tmp_path / "run" / "x.sock", selector=selector)
        before = set(os.listdir("/proc/self/fd"))
        server.start()
        with connected(tmp_path / "run" / "x.sock"):
            for key, events in selector.select(5):
                key.data.ready(key, events)
            assert len(server.descriptors()) == 2
            assert {os.readlink(f"/proc/self/fd/{fd}")[:7] for fd in server.descriptors()} == {"socket:"}
        server.close()
        assert len(before) >= len(os.listdir("/proc/self/fd"))


def test_client_that_left_is_seen(tmp_path: Path) -> None:
    """A request whose client is gone says `closed`, and a reply to it goes nowhere, quietly."""
    requests: list[Request] = []
    path = tmp_path / "run" / "x.sock"
    with selecting() as selector:
        server = ControlServer(path=path, selector=selector)
        server.start()

        def turn() -> bool:
            for key, events in selector.select(0.01):
                key.data.ready(key, events)
            while (request := server.take()) is not None:
                requests.append(request)
            return bool(requests) and requests[0].closed

        with connected(path) as sock:
            sock.sendall(msgpack.packb({"command": "stacks"}))
            wait_for(lambda: turn() or requests, what="the request")
            assert not requests[0].closed
        wait_for(turn, what="the client's end was seen")
        requests[0].reply({"ok": True})
        server.close()


def test_daemon_that_ends_during_a_call_is_told_apart(master: Master, socket_path: Path) -> None:
    """A daemon that dies before it answers gives its own error: it is neither silent nor absent."""
    errors: list[ResqdError] = []

    def ask() -> None:
        try:
            Client([socket_path]).call("kill", timeout=10, job_id="never")
        except ResqdError as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    process = psutil.Process(master.pid)
    wait_for(lambda: len(process.net_connections("unix")) == 2, what="the call came in")
    master.kill()
    thread.join()
    assert [type(error) for error in errors] == [DisconnectedError]
