"""The daemon's lock over a fork and over an exec in place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import resqd
from resqd.master.lock import DaemonLock, LockHeld

ENVIRON = {**os.environ, "PYTHONPATH": str(Path(resqd.__file__).parents[1])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "mail.lock"


def test_child_that_closes_the_descriptors_does_not_hold_the_lock(path: Path) -> None:
    """After a fork the lock is the parent's alone once the child has closed `descriptors()`."""
    lock = DaemonLock(path)
    lock.acquire()
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        for descriptor in lock.descriptors():
            os.close(descriptor)
        os.close(done[1])
        os.write(ready[1], b"x")
        os.read(done[0], 1)
        os._exit(0)
    os.close(done[0])
    assert os.read(ready[0], 1) == b"x"
    lock.release()
    second = DaemonLock(path)
    second.acquire()
    second.release()
    for descriptor in (done[1], *ready):
        os.close(descriptor)
    assert os.waitpid(pid, 0)[1] == 0


def test_lock_survives_an_exec_in_place(path: Path, tmp_path: Path) -> None:
    """A process that hands the lock over and executes itself anew holds it without a gap, under the same pid."""
    program = tmp_path / "holder.py"
    program.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "from resqd.master.lock import DaemonLock\n"
        "lock = DaemonLock(Path(sys.argv[1]))\n"
        "if len(sys.argv) == 2:\n"
        "    lock.acquire()\n"
        "    os.execv(sys.executable, [sys.executable, *sys.argv, str(lock.hand_over())])\n"
        "lock.adopt(int(sys.argv[2]))\n"
        "assert not os.get_inheritable(int(sys.argv[2]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, str(program), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRON
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld, match=f"pid {holder.pid} holds"):
            DaemonLock(path).acquire()
        holder.communicate(timeout=10)
    lock = DaemonLock(path)
    lock.acquire()
    lock.release()
