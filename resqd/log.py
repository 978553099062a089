"""Log lines to stdout, one an event, which never block and never kill the process that writes them."""

from __future__ import annotations

import errno
import logging
import os
import select
import socket
import stat
import sys
from collections.abc import Callable

from resqd.log_forms import About, JsonFormatter, TextFormatter

_MAY_REOPEN = frozenset({stat.S_IFIFO, stat.S_IFCHR})


def open_standard_descriptors() -> None:
    """Point each of 0, 1 and 2 that is closed at /dev/null, so that no socket is ever mistaken for stdout."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number, so this very one
            os.set_inheritable(opened, True)


def flush_streams() -> None:
    """Write out what `sys.stdout` and `sys.stderr` hold, as far as they take it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112 - closed, full, None, or of the application's own making
            continue


class Line:
    """Writes whole lines to a descriptor that others share, without waiting and without O_NONBLOCK on it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._own: tuple[int, os.stat_result] | None = None
        self._write: Callable[[bytes], int] = self._write_plain
        try:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
        except OSError:
            return  # closed: every write will say so
        if kind == stat.S_IFSOCK:
            self._write = self._write_socket
        elif kind in _MAY_REOPEN:
            self._reopen(descriptor)

    def _reopen(self, descriptor: int) -> None:
        """A description of our own may be non-blocking; the one behind stdout belongs to others as well."""
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            own = os.open(f"/proc/self/fd/{descriptor}", flags)
        except OSError:  # another user's pipe or terminal, or its reader is gone
            self._write = self._write_when_ready
            return
        self._descriptor, self._own = own, (own, os.fstat(own))

    def write(self, line: bytes) -> bool:
        """Whether the line was taken, all of it."""
        try:
            return self._write(line) == len(line)
        except OSError:  # full, closed, or no space left: the caller counts it
            return False

    def close(self) -> None:
        """Close what was opened here, unless a fork's clean-up did and the number is another's by now."""
        if self._own is None:
            return
        descriptor, opened = self._own
        self._own = None
        try:
            if os.path.samestat(os.fstat(descriptor), opened):
                os.close(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise

    def _write_plain(self, line: bytes) -> int:
        return os.write(self._descriptor, line)

    def _write_when_ready(self, line: bytes) -> int:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        ready = poll.poll(0)
        return os.write(self._descriptor, line) if ready else 0

    def _write_socket(self, line: bytes) -> int:
        duplicate = socket.socket(fileno=os.dup(self._descriptor))
        with duplicate:
            return duplicate.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


def configure(
    *,
    level: str,
    format: str,  # noqa: A002 - the setting's word
    role: str,
    daemon: str = "",
    descriptor: int = 1,
) -> None:
    """Send every `resqd` logger's events of `level` (debug, info, warning, error) and up to stdout.

    `format` is "text" or "json"; `role` ("master", "worker 2", "housekeeper") stands in every line, and in JSON the
    `daemon`'s name, too. Call
    it again after a fork with the child's role. Outside the master, loggers of the application end here
    too unless it has given the root logger handlers of its own.
    """
    logger, root = logging.getLogger("resqd"), logging.getLogger()
    formatter = JsonFormatter(role, daemon) if format == "json" else TextFormatter(role)
    handler = LineHandler(Line(descriptor), formatter)
    for old in [one for one in {*logger.handlers, *root.handlers} if isinstance(one, LineHandler)]:
        logger.removeHandler(old)
        root.removeHandler(old)
        old.line.close()
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False
    _enable(logger)
    if role != "master":  # in the master it would void the application's basicConfig()
        _take_root(root, handler)


def _take_root(root: logging.Logger, handler: logging.Handler) -> None:
    """Let the application's lines from `info` up come here, where it has not said itself where they go."""
    if root.handlers:
        return
    root.addHandler(handler)
    if root.level == logging.WARNING:  # what Python begins with
        root.setLevel(max(logging.INFO, logging.getLogger("resqd").level))


def take_role(role: str, about: About | None = None) -> None:
    """In a forked child: write under another role, through the handler that `configure` made before the fork.

    `about` names the job that runs in the calling thread, for each line.

    Making a new one costs a millisecond and 240 copied pages, which a worker of one job would feel.
    """
    logger, root = logging.getLogger("resqd"), logging.getLogger()
    for handler in logger.handlers:
        if isinstance(handler, LineHandler) and isinstance(handler.formatter, TextFormatter | JsonFormatter):
            handler.formatter.role = role
            handler.formatter.about = about or handler.formatter.about
            _take_root(root, handler)


def _enable(logger: logging.Logger) -> None:
    """Undo what logging.config does by default to loggers that were there before the application's own."""
    for name, one in logging.Logger.manager.loggerDict.items():
        if isinstance(one, logging.Logger) and name.partition(".")[0] == logger.name:
            one.disabled = False


class LineHandler(logging.Handler):
    """Formats and writes without a lock: an interrupt that lands in a job's log call cannot leave one held.

    `lost` counts lines that were not taken; threads may race on it, and then it is a few too low.
    """

    def __init__(self, line: Line, formatter: logging.Formatter) -> None:
        super().__init__()
        self.line = line
        self.lost = 0
        self.setFormatter(formatter)

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass the record through the filters and write it; never raises."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, after a line that owns up to those lost before it."""
        if self.lost:
            lost, self.lost = self.lost, 0
            if not self.line.write(self._bytes(_lost_record(record, lost))):
                self.lost += lost
        if not self.line.write(self._bytes(record)):
            self.lost += 1

    def _bytes(self, record: logging.LogRecord) -> bytes:
        try:
            return self.format(record).encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001 - any object's __str__ may run here, and must not stop the caller
            record = logging.makeLogRecord(
                {**record.__dict__, "args": None, "facts": None, "exc_info": None, "exc_text": None}
            )
            record.msg = f"(this line could not be formatted: {type(error).__name__}) {str(record.msg)!r}"
            return self.format(record).encode("utf-8", "backslashreplace")


def _lost_record(record: logging.LogRecord, lost: int) -> logging.LogRecord:
    text = f"{lost} log lines were lost while stdout did not take them"
    about = {
        "name": "resqd.log",
        "levelno": logging.WARNING,
        "levelname": "WARNING",
        "msg": text,
        "args": None,
        "facts": None,
    }
    return logging.makeLogRecord({**record.__dict__, **about, "exc_info": None, "exc_text": None})
