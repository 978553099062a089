"""The daemon's lock and its pidfile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resqd.master.lock import DaemonLock, LockError, LockHeld, read_pid, remove_pidfile, write_pidfile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "mail.lock"


def test_second_daemon_is_told_who_holds_the_name(path: Path) -> None:
    """While one holds the lock another is refused, in one line that names the holder's pid."""
    first, second = DaemonLock(path), DaemonLock(path)
    first.acquire()
    with pytest.raises(
        LockHeld, match=rf"a daemon named mail runs already: pid {os.getpid()} holds .*mail\.lock$"
    ):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


@pytest.mark.parametrize("text", ["", "garbage", "99999999999999", "1\n2\n", "-1"])
def test_what_the_file_says_decides_nothing(path: Path, text: str) -> None:
    """A lock file of a dead daemon, or full of garbage, is taken over: the kernel's lock decides."""
    path.parent.mkdir(mode=0o700)
    path.write_text(text)
    lock = DaemonLock(path)
    lock.acquire()
    assert path.read_text() == f"{os.getpid()}\n"
    lock.release()


def test_holder_without_a_pid_is_another_process(path: Path) -> None:
    """A held lock whose file names no pid is still refused."""
    first = DaemonLock(path)
    first.acquire()
    path.write_text("garbage")
    with pytest.raises(LockHeld, match="another process holds"):
        DaemonLock(path).acquire()
    first.release()


def test_lock_file_is_no_link(path: Path, tmp_path: Path) -> None:
    """A symbolic link in the lock's place is not followed, so that no other file is overwritten."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.parent.mkdir(mode=0o700)
    path.symlink_to(victim)
    with pytest.raises(LockError, match="cannot open the lock"):
        DaemonLock(path).acquire()
    assert victim.read_text() == "precious"


def test_hand_over_needs_the_lock(path: Path) -> None:
    """A lock that is not held cannot be handed over."""
    with pytest.raises(LockError, match="is not held"):
        DaemonLock(path).hand_over()


@pytest.mark.parametrize("before", [None, "", "garbage", "1"])
def test_pidfile_replaces_whatever_was_there(tmp_path: Path, before: str | None) -> None:
    """A stale or garbled pidfile is replaced in one step, readable by all, and nothing else is left."""
    path = tmp_path / "resqd.pid"
    if before is not None:
        path.write_text(before)
    write_pidfile(path, 4321)
    assert path.read_text() == "4321\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_pidfile_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A pidfile in a folder that is not there gives one clear line."""
    with pytest.raises(LockError, match=r"cannot write the pidfile .*: No such file or directory"):
        write_pidfile(tmp_path / "missing" / "resqd.pid", 1)


def test_pidfile_of_a_later_daemon_stays(tmp_path: Path) -> None:
    """At its end a daemon removes its own pidfile only."""
    path = tmp_path / "resqd.pid"
    write_pidfile(path, 2)
    remove_pidfile(path, 1)
    assert read_pid(path) == 2
    remove_pidfile(path, 2)
    assert not path.exists()
    remove_pidfile(path, 2)
