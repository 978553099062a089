"""Settings of the whole process that one job can change for all others; what resqd relies on, it sets back."""

from __future__ import annotations

import locale
import logging
import operator
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_log = logging.getLogger(__name__)

_STATUS = "/proc/self/status"
_UMASK = b"Umask:"


@dataclass(frozen=True, slots=True)
class _Setting:
    """`read` and `restore` may raise OSError, ValueError or locale.Error, and are then tried the next time."""

    name: str
    before: Any
    read: Callable[[], Any]
    restore: Callable[[Any], object]
    differs: Callable[[Any, Any], bool] = operator.ne


class CommonSettings:
    """Remembers how they were at the worker's start, after the application's after_fork hooks; for the main thread.

    `wakeup` is the descriptor that signals are written to. A change is said once for each setting.
    """

    def __init__(self, *, wakeup: int) -> None:
        def wake(_before: object = None) -> int:
            """Set it, which is all that one can do to see what it was."""
            return signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)

        switch, limit = sys.getswitchinterval(), sys.getrecursionlimit()
        timeout = socket.getdefaulttimeout()
        mask = os.umask(0o077)  # quicker than to read it, which a short life would feel; no job runs yet
        os.umask(mask)
        self._settings = (
            _Setting("the thread switch interval", switch, sys.getswitchinterval, sys.setswitchinterval),
            # A higher one is the job's own affair, and taking it away would break it.
            _Setting("the recursion limit", limit, sys.getrecursionlimit, sys.setrecursionlimit, operator.lt),
            _Setting("the umask", mask, _umask, os.umask),
            _Setting("the locale", _locale(), _locale, _set_locale),
            _Setting(
                "the default socket timeout", timeout, socket.getdefaulttimeout, socket.setdefaulttimeout
            ),
            _Setting("the signal wake-up descriptor", wakeup, wake, wake),
        )
        self._said: set[str] = set()

    def restore(self) -> None:
        """Set back what has changed. In a process without a descriptor or memory left it may have to wait."""
        for setting in self._settings:
            try:
                now = setting.read()
                if setting.differs(now, setting.before):
                    setting.restore(setting.before)
                    self._say(setting, now)
            except (OSError, ValueError, MemoryError, locale.Error) as error:
                self._say(setting, error)

    def _say(self, setting: _Setting, now: object) -> None:
        if setting.name not in self._said:
            self._said.add(setting.name)
            said = (
                "a job changed %s for all jobs of this process: it was %r and is set back to %r, as after any further "
                "change; what all jobs need can be set where the application is imported"
            )
            _log.warning(said, setting.name, now, setting.before)


def _umask() -> int:
    """As the kernel shows it: os.umask would have to change it, and other threads make files meanwhile."""
    with open(_STATUS, "rb", buffering=0) as status:
        lines = status.read().splitlines()
    return int(next(line for line in lines if line.startswith(_UMASK)).split()[1], 8)


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def _set_locale(before: str) -> None:
    locale.setlocale(locale.LC_ALL, before)
