"""Fixtures for tests with one process beside the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import resqd
from resqd.master.commands.server import PATIENCE
from tests.support import scripted_master

ENVIRON = {**os.environ, "PYTHONPATH": str(Path(resqd.__file__).parents[1])}
SCRIPT = Path(scripted_master.__file__)

StartMaster = Callable[..., subprocess.Popen[str]]


def connected(path: Path) -> socket.socket:
    """A client's connection to the control socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(str(path))  # blocking: with a timeout Python would not wait for room in the backlog
    sock.settimeout(PATIENCE + 5)
    return sock


@contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SCRIPT), *arguments]
    with subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "mail.sock"


@pytest.fixture
def start_master(socket_path: Path) -> Iterator[StartMaster]:
    """A function that starts the scripted master on `socket_path`, with a limit of descriptors if it is given."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(_running(str(socket_path), *arguments))


@pytest.fixture
def master(start_master: StartMaster) -> subprocess.Popen[str]:
    """The scripted master, listening on `socket_path`."""
    return start_master()
