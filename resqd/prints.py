"""What jobs print, as log lines: for JSON logs, in which every line is to be one object."""

from __future__ import annotations

import io
import logging
import sys
import threading
from typing import TextIO

_MOST = 64 * 1024
"""Characters of one line that are kept until its end comes."""


class _Rest(threading.local):
    text = ""


class Prints(io.TextIOBase):
    """Stands for a stream: each line that a thread prints is logged by itself, and by a flush what is left of one.

    There is no lock, so an interrupt cannot leave one held: each thread has its own rest of a line. What is written
    to the stream's `buffer` or descriptor goes past it.
    """

    def __init__(self, stream: TextIO, logger: logging.Logger) -> None:
        self._stream = stream
        self._logger = logger
        self._rest = _Rest()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in typeshed
        """As the stream has it."""
        return self._stream.encoding

    @property
    def buffer(self) -> object:
        """The stream's own."""
        return self._stream.buffer

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Never: nothing here is for a terminal."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Log the lines that this completes."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *lines, rest = (self._rest.text + text).split("\n")
        self._rest.text = rest if len(rest) < _MOST else ""
        if rest and not self._rest.text:
            lines.append(rest)
        for line in lines:
            if line:
                self._logger.info("%s", line)
        return len(text)

    def flush(self) -> None:
        """Log what this thread has printed of a line."""
        rest, self._rest.text = self._rest.text, ""
        if rest:
            self._logger.info("%s", rest)


def capture() -> None:
    """From now on what this process prints is logged, as long as it stands in `sys.stdout` and `sys.stderr`.

    The loggers are below `resqd`, so that no handler of the application's own writes it to the very stream again.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, Prints):
            stream.flush()
            setattr(sys, name, Prints(stream, logging.getLogger(f"resqd.{name}")))
