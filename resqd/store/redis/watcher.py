"""Keeps one embedded server running while anybody uses it, and ends it when the last user is gone.

Run as a program of its own, with the standard library only: `watcher.py FOLDER BINARY STATUS_FD`. Every user
holds a shared lock on FOLDER/users.lock; the kernel takes it back however the user dies, so the exclusive lock
that waits here is granted exactly when nobody is left. The server holds FOLDER/server.lock for its whole life,
so no second one can ever write to the same files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

BOOT_SECONDS = 30.0
STOP_SECONDS = 60.0
READY = "ready"
RESTART_PAUSE_SECONDS = 1.0
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are meant for daemons, when they are sent to a whole service; the users' lock tells when to end."""
KEPT = {signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
"""Those of them that the server ignores too; TERM ends it in good order, and it is started again."""
SOCKET, LOG, USERS, SERVER, WATCHER = "valkey.sock", "valkey.log", "users.lock", "server.lock", "watcher.lock"


def main(folder: str, binary: str, status: int) -> int:
    """Watch until the last user has gone; returns the exit status."""
    if os.fork():
        return 0  # the starter collects this one; the watcher itself is nobody's child
    os.set_inheritable(status, False)
    os.chdir(folder)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    one_watcher = os.open(WATCHER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(one_watcher, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # somebody else watches already
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # the kernel collects the server; its pidfd tells of its end
    ended = _when_last_user_is_gone()
    failure = watch(binary, ended, status)
    if failure:
        _say(status, failure)
    os.close(one_watcher)  # before users.lock: who gets that one next must find nobody watching
    return 1 if failure else 0


def watch(binary: str, ended: int, status: int) -> str:
    """Run the server, again where it dies, until `ended` is readable; returns what went wrong at the first start."""
    answered = False
    while True:
        server = _running_server(binary)
        if not answered:
            if server is None:
                return "the server ended or did not answer at its start"
            answered = True
            _say(status, READY)
        readable = _wait(ended, server)
        if ended in readable:
            if server is not None:
                _stop(server)
            return ""
        if server is not None:
            os.close(server)
        time.sleep(RESTART_PAUSE_SECONDS)


def _say(status: int, text: str) -> None:
    """Tell the starter, which may be gone."""
    with contextlib.suppress(BrokenPipeError):
        os.write(status, text.encode())


def _wait(ended: int, server: int | None) -> list[int]:
    """Wait until one of the two happens, and say which; without a server, whether the users have gone by now."""
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    if server is None:
        return [descriptor for descriptor, _ in poll.poll(0)]
    poll.register(server, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll()]


def _when_last_user_is_gone() -> int:
    """A descriptor that becomes readable at that moment."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    users = os.open(USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def wait() -> None:
        fcntl.flock(users, fcntl.LOCK_EX)
        os.write(writer, b"u")

    threading.Thread(target=wait, daemon=True).start()
    return reader


def _running_server(binary: str) -> int | None:
    """A pidfd of the server that answers at the socket, started where none holds the lock; None: it failed."""
    lock = os.open(SERVER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _spawn(binary, lock)
    except BlockingIOError:
        pass  # one runs, started by a watcher that died
    finally:
        os.close(lock)  # the server's own copy keeps it
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end:
        server = _connected_server()
        if server is not None:
            return server
        if _is_free(SERVER):
            return None
        time.sleep(0.01)
    return None


def _spawn(binary: str, lock: int) -> None:
    os.set_inheritable(lock, True)
    options = {
        "port": "0",
        "unixsocket": os.path.abspath(SOCKET),
        "unixsocketperm": "700",
        "dir": os.getcwd(),
    }
    options |= {"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction"}
    options |= {"logfile": os.path.abspath(LOG), "loglevel": "warning", "daemonize": "no"}
    command = [binary, *(word for name, value in options.items() for word in (f"--{name}", value))]
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    os.posix_spawn(
        binary, command, os.environ, file_actions=null, setsigdef=signal.valid_signals() - KEPT, setsigmask=()
    )


def _connected_server() -> int | None:
    """A pidfd of the process behind the socket, by the kernel's word; never from a pid in a file."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(SOCKET)
            peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            descriptor = os.pidfd_open(struct.unpack("3i", peer)[0])
            probe.sendall(b"PING\r\n")
            probe.settimeout(BOOT_SECONDS)
            answer = probe.recv(64)  # whoever answers lived after the pidfd was made, so it is his
        except OSError:
            return None
    if answer:
        return descriptor
    os.close(descriptor)
    return None


def _is_free(path: str) -> bool:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _stop(server: int) -> None:
    """Ask it to write its files and end; end it where it does not."""
    poll = select.poll()
    poll.register(server, select.POLLIN)
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        try:
            signal.pidfd_send_signal(server, number)
        except ProcessLookupError:
            return
        if poll.poll(seconds * 1000):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
