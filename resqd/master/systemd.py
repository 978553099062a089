"""What the master tells systemd: readiness, state, status and the watchdog's beat, by sd_notify's datagrams."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping

from resqd import events
from resqd.clock import Clock, monotonic

STATUS_PAUSE = 1.0
"""Least seconds between two STATUS lines."""
_RETRY_PAUSE = 0.1  # its socket is full
_ERROR_PAUSE = 1.0  # its socket is not there
_KEPT = 16


class Notifier:
    """Sends to $NOTIFY_SOCKET, without ever blocking; where there is none it does nothing.

    A change of state that the socket cannot take yet is tried again by `tick`. Only the master's loop
    calls `tick`, so the watchdog's beat proves that the loop turns, and nothing else; for the time of a
    reload's import the caretaker does.
    """

    def __init__(self, *, environ: Mapping[str, str], pid: int, clock: Clock = monotonic) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._clock = clock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self._beat_interval = _watchdog_seconds(environ, pid) / 2 if self._address else 0.0
        self._next_beat = clock()
        self._unsent: deque[str] = deque(maxlen=_KEPT)
        self._retry_at = 0.0
        self._last_error: int | None = None
        self._status = ""
        self._told_status = ""
        self._next_status = 0.0

    def ready(self) -> None:
        """The daemon is up, or done with a reload."""
        self._say("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={_microseconds(self._clock())}")

    def stopping(self) -> None:
        """The daemon begins to end."""
        self._say("STOPPING=1")

    def bridge(self, seconds: float) -> None:
        """Let the watchdog wait for so much longer: another program is loaded, and may be unable to beat meanwhile."""
        if self._beat_interval:
            allowed = seconds + 2 * self._beat_interval
            self._say(f"WATCHDOG=1\nWATCHDOG_USEC={_microseconds(allowed)}")

    def bridged(self) -> None:
        """The watchdog's own time counts again."""
        if self._beat_interval:
            self._say(f"WATCHDOG=1\nWATCHDOG_USEC={_microseconds(2 * self._beat_interval)}")

    def extend_timeout(self, seconds: float) -> None:
        """Ask for `seconds` more, from now, for the start or stop that is under way."""
        self._say(f"EXTEND_TIMEOUT_USEC={_microseconds(seconds)}")

    def status(self, text: str) -> None:
        """The line that `systemctl status` shows; sent by `tick`, at most once in STATUS_PAUSE."""
        self._status = " ".join(text.split())

    def tick(self, now: float) -> None:
        """Send what is due."""
        if now < self._retry_at:
            return
        self._send_kept()
        if self._beat_interval and now >= self._next_beat and self._send("WATCHDOG=1"):
            self._next_beat = now + self._beat_interval
        if self._status_due() and now >= self._next_status and self._send(f"STATUS={self._status}"):
            self._told_status = self._status
            self._next_status = now + STATUS_PAUSE

    def next_at(self) -> float | None:
        """When `tick` has something to do, in the clock's seconds; None when nothing is due."""
        due = [self._retry_at] if self._unsent else []
        due += [self._next_beat] if self._beat_interval else []
        due += [self._next_status] if self._status_due() else []
        return max(min(due), self._retry_at) if due else None

    def descriptors(self) -> list[int]:
        """What a forked child must close."""
        return [] if self._socket is None else [self._socket.fileno()]

    def close(self) -> None:
        """Close the socket; what follows is not sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._beat_interval = 0.0

    def _status_due(self) -> bool:
        return self._socket is not None and self._status != self._told_status

    def _say(self, message: str) -> None:
        if self._socket is not None:
            self._unsent.append(message)
            self._send_kept()

    def _send_kept(self) -> None:
        while self._unsent and self._send(self._unsent[0]):
            self._unsent.popleft()

    def _send(self, message: str) -> bool:
        """False when systemd's socket does not take it now."""
        if self._socket is None:
            return True
        try:
            self._socket.sendto(message.encode("utf-8", "replace"), self._address)
        except BlockingIOError:
            self._retry_at = self._clock() + _RETRY_PAUSE
            return False
        except OSError as error:
            # never given up: systemd may be restarting itself, and its watchdog waits for us
            if error.errno != self._last_error:
                events.Master.systemd_silent(why=error.strerror)
            self._last_error = error.errno
            self._retry_at = self._clock() + _ERROR_PAUSE
            return False
        self._last_error = None
        return True


def _address(name: str) -> str:
    """The socket's address; '' for none, or for a kind that is not a Unix socket."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_seconds(environ: Mapping[str, str], pid: int) -> float:
    """The time within which systemd wants a beat; 0 when it wants none of this process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return 0.0
    return int(microseconds) / 1e6


def _microseconds(seconds: float) -> int:
    return int(seconds * 1e6)
