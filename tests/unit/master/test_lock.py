"""The daemon's lock and its pidfile."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from resqd.master.lock import DaemonLock, LockError, LockHeld, read_pid, write_pidfile


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
    """At its end a daemon removes its own pidfile only; another's may hold the same pid, in another container."""
    path = tmp_path / "resqd.pid"
    first = write_pidfile(path, 2)
    second = write_pidfile(path, 2)
    first.remove(path)
    assert read_pid(path) == 2
    second.remove(path)
    assert not path.exists()
    second.remove(path)


def test_a_removed_lock_is_put_back(path: Path) -> None:
    """A lock whose file was removed guards nothing: it is made again, so that the next daemon meets it."""
    first, second = DaemonLock(path), DaemonLock(path)
    first.acquire()
    path.unlink()
    first.keep()
    with pytest.raises(LockHeld):
        second.acquire()
    held = first.descriptors()
    first.keep()
    assert first.descriptors() == held
    first.release()


def test_a_name_that_was_taken_meanwhile_is_left_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where another daemon has made the file first it is its own, and that is said once."""
    first, second = DaemonLock(path), DaemonLock(path)
    first.acquire()
    path.unlink()
    second.acquire()
    first.keep()
    first.keep()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    first.release()
    with pytest.raises(LockHeld):
        DaemonLock(path).acquire()
    second.release()


def test_a_name_whose_socket_answers_is_taken(path: Path) -> None:
    """Whatever became of the lock's file: who listens at the socket lives. A socket that nobody answers is stale."""
    path.parent.mkdir(mode=0o700)
    listening = path.with_suffix(".sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(listening))
        listener.listen(1)
        lock = DaemonLock(path, socket=listening)
        with pytest.raises(LockHeld, match="somebody has removed its lock"):
            lock.acquire()
    assert lock.descriptors() == []
    lock.acquire()
    lock.release()


def test_a_file_removed_before_it_is_locked_is_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened by us, removed by another, locked by us: nobody would meet us there, so it is tried again."""
    real = fcntl.flock
    removed: list[Path] = []

    def flock(descriptor: int, operation: int) -> None:
        if not removed:
            path.unlink()
            removed.append(path)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = DaemonLock(path)
    lock.acquire()
    with pytest.raises(LockHeld):
        DaemonLock(path).acquire()
    lock.release()


def test_cleaners_keep_out_of_the_folder(path: Path) -> None:
    """systemd-tmpfiles leaves a folder alone whose lock it does not get; two daemons share it."""
    first, second = DaemonLock(path), DaemonLock(path.with_name("other.lock"))
    first.acquire()
    second.acquire()
    folder = os.open(path.parent, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.release()
    second.release()
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)
