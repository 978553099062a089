"""What a job may do to its worker's process: fork it, close its descriptors, leave its folder, change its settings."""

from __future__ import annotations

import _locale  # the module `locale` around it has half a megabyte of names
import operator
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from setproctitle import setproctitle

from resqd import events
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bell


class DescriptorsLostError(OSError):
    """A job has closed descriptors of the worker's, or they stand for something else now."""


class Surroundings:
    """Remembers how things were at the worker's start."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._descriptors = {number: _identity(number) for number in descriptors}
        self._folder = _identity(".")

    def check(self) -> None:
        """Errors: DescriptorsLostError."""
        if any(_identity(number) != identity for number, identity in self._descriptors.items()):
            raise DescriptorsLostError("descriptors are closed, or stand for something else")

    @property
    def moved(self) -> bool:
        """Whether the process is in another folder now."""
        return _identity(".") != self._folder


def _identity(place: int | str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode


_LOCALE_ERROR: type[Exception] = _locale.Error  # type: ignore[attr-defined] # which its stub leaves out
_STATUS = "/proc/self/status"
_UMASK = b"Umask:"


@dataclass(frozen=True, slots=True)
class _Setting:
    """`read` and `restore` may raise OSError, ValueError or the locale's error, and are then tried the next time."""

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
            _Setting("the locale", _read_locale(), _read_locale, _set_locale),
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
            except (OSError, ValueError, MemoryError, _LOCALE_ERROR) as error:
                self._say(setting, error)

    def _say(self, setting: _Setting, now: object) -> None:
        if setting.name not in self._said:
            self._said.add(setting.name)
            events.Worker.setting_restored(setting=setting.name, found=now, before=setting.before)


class Guard:
    """Looks now and then whether jobs have done anything of this to their process; made before the first one runs.

    `crippled`: whether it can run some jobs no more.
    """

    def __init__(
        self, *, descriptors: Iterable[int], wakeup: int, crippled: Callable[[], bool] = lambda: False
    ) -> None:
        self._surroundings = Surroundings(descriptors)
        self._common = CommonSettings(wakeup=wakeup)
        self._crippled = crippled

    @property
    def crippled(self) -> bool:
        """Whether this process can run some jobs no more, so that another should take its place."""
        return self._crippled()

    def look(self) -> bool:
        """Set back what is common to all jobs; whether one has left the process in another folder.

        Errors: DescriptorsLostError.
        """
        self._common.restore()
        self._surroundings.check()
        return self._surroundings.moved


def _umask() -> int:
    """As the kernel shows it: os.umask would have to change it, and other threads make files meanwhile."""
    with open(_STATUS, "rb", buffering=0) as status:
        lines = status.read().splitlines()
    return int(next(line for line in lines if line.startswith(_UMASK)).split()[1], 8)


def _read_locale() -> str:
    return _locale.setlocale(_locale.LC_ALL)


def _set_locale(before: str) -> None:
    _locale.setlocale(_locale.LC_ALL, before)


class Copied(Protocol):
    """Where jobs end, which must know that it is in a copy."""

    copied: bool


def at_fork(
    *,
    channel: Channel,
    bell: Bell,
    jobs: Copied,
    signals: Iterable[signal.Signals],
    title: str,
) -> None:
    """See to it, from now on and for good, that a fork in this process does not make a second worker.

    The copy has but the thread that forked. It gives up the channel, whose end tells the master of the
    worker's death, the bell, whose memory marks the daemon's own children, and the worker's signal handlers;
    its executor leaves by os._exit at the job's end.
    """
    handled = tuple(signals)

    def become_a_copy() -> None:
        jobs.copied = True
        channel.close()
        bell.unmap()
        signal.set_wakeup_fd(-1)
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        setproctitle(title)

    os.register_at_fork(after_in_child=become_a_copy)
