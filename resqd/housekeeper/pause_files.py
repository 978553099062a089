"""Watches for the files that pause the daemon while one exists."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from resqd.wire.messages import Message, PauseFile

LOOK_EVERY = 1.0
"""Seconds between two looks."""
TELL_EVERY = 10
"""Looks after which the master is told again although nothing changed: a message may have been refused."""


def first_existing(paths: Iterable[Path]) -> str:
    """The first of these files that exists, empty when none does; one that may not be looked at does not.

    Nor does one that somebody else has put where anybody may put files.
    """
    return next((str(path) for path in paths if _pauses(path)), "")


class PauseFiles:
    """On a thread of its own, so that it goes on while Redis hangs, and a hanging disk stops nothing else."""

    def __init__(self, *, paths: Iterable[Path], say: Callable[[Message], None]) -> None:
        self._paths = tuple(paths)
        self._say = say
        self._told: str | None = None
        self._looks = 0

    def run(self) -> None:
        """Look every second, as long as the process lives."""
        while True:
            self.look()
            time.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Tell the master which file exists, when that changed."""
        found = first_existing(self._paths)
        self._looks += 1
        if found != self._told or self._looks % TELL_EVERY == 0:
            self._told = found
            self._say(PauseFile(found))


def _pauses(path: Path) -> bool:
    """Whether the file exists and whoever put it there may pause us; links are not followed.

    In a folder that anybody may write to, such as /tmp, only root and our own user may.
    """
    try:
        status = path.lstat()
        open_to_all = path.parent.stat().st_mode & stat.S_IWOTH
    except (OSError, ValueError):
        return False
    return status.st_uid in (0, os.geteuid()) or not open_to_all
