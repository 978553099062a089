"""What one job can change for all others, and what is set back."""

import locale
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from resqd.worker.guard import CommonSettings

_CHANGES: dict[str, Callable[[], object]] = {
    "the thread switch interval": lambda: sys.setswitchinterval(4),
    "the recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() - 1),
    "the umask": lambda: os.umask(0o777),
    "the locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "the default socket timeout": lambda: socket.setdefaulttimeout(0.25),
    "the signal wake-up descriptor": lambda: signal.set_wakeup_fd(-1),
}


def everything(wakeup: int) -> list[object]:
    mask = os.umask(0o22)
    os.umask(mask)
    found = signal.set_wakeup_fd(wakeup)
    signal.set_wakeup_fd(found)
    limits = [sys.getswitchinterval(), sys.getrecursionlimit(), socket.getdefaulttimeout()]
    return [*limits, mask, found, locale.setlocale(locale.LC_ALL)]


@pytest.fixture
def wakeup() -> Iterator[int]:
    """A wake-up descriptor that is set; all is put back at the end."""
    spoken = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = everything(writer)
    found = signal.set_wakeup_fd(writer)
    yield writer
    signal.set_wakeup_fd(found)
    os.close(reader)
    os.close(writer)
    os.umask(int(str(before[3])))
    sys.setswitchinterval(float(str(before[0])))
    sys.setrecursionlimit(int(str(before[1])))
    socket.setdefaulttimeout(None)
    locale.setlocale(locale.LC_ALL, spoken)


@pytest.mark.parametrize("name", _CHANGES)
def test_each_is_set_back_as_often_as_it_is_changed_and_said_once(
    wakeup: int, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Whatever a job does to it; where nothing changed, nothing is said."""
    settings = CommonSettings(wakeup=wakeup)
    before = everything(wakeup)
    settings.restore()
    assert caplog.messages == []
    for _ in range(2):
        _CHANGES[name]()
        assert everything(wakeup) != before
        settings.restore()
        assert everything(wakeup) == before
    assert len(caplog.messages) == 1
    assert f"a job changed {name} for all jobs of this process" in caplog.messages[0]


def test_a_higher_recursion_limit_is_left_to_its_job(wakeup: int, caplog: pytest.LogCaptureFixture) -> None:
    """Taking it away would end a job that is that deep just now."""
    settings = CommonSettings(wakeup=wakeup)
    limit = sys.getrecursionlimit() + 50
    sys.setrecursionlimit(limit)
    settings.restore()
    assert sys.getrecursionlimit() == limit
    assert caplog.messages == []
