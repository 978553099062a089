"""The rehearsal of workers' lives in the process that will fork them: it plays them, and leaves nothing behind."""

import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Mapping

import pytest
from setproctitle import getproctitle

from resqd.current import bound_slot
from resqd.settings import Settings
from resqd.wire.intent import SIGNALS
from resqd.worker.executor import Executor
from resqd.worker.rehearsal import LIVES, rehearse
from resqd.worker.signals import IGNORED

SETTINGS: list[Mapping[str, str]] = [
    {},
    {"QUEUES": "mail:2,*", "THREAD_COUNT": "8", "JOBS_PER_FORK": "0"},
    {"RESQD_NAMESPACE": "blog", "VVERBOSE": "1", "INTERVAL": "0", "STATSD_HOST": "h", "STATSD_KEY": "k"},
    {"RESQD_HISTORY": "on", "RESQUE_LOCKS": "on", "RESQD_UNKNOWN_JOB": "fail", "RESQD_TERM": "requeue"},
    {"REDIS_URL": "redis+cluster://h", "RESQD_ORDER": "round-robin"},
]


@pytest.mark.parametrize("environ", SETTINGS)
def test_every_life_runs_its_job_and_ends_as_it_should(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the daemon is told: nothing is asked of Redis that the rehearsal does not know."""
    performed: list[int] = []
    perform = Executor._perform

    def counted(executor: Executor, token: int, raw: bytes) -> object:
        performed.append(token)
        return perform(executor, token, raw)

    monkeypatch.setattr(Executor, "_perform", counted)
    assert rehearse(Settings.load(environ), clock=time.monotonic) == ["recycled"] * LIVES
    assert len(performed) == LIVES


def opened() -> set[tuple[int, int, int]]:
    """The descriptors of this process, and what each stands for."""
    found = set()
    for number in range(256):
        with contextlib.suppress(OSError):
            status = os.fstat(number)
            found.add((number, status.st_dev, status.st_ino))
    return found


def test_nothing_of_the_process_is_changed(caplog: pytest.LogCaptureFixture) -> None:
    """No descriptor, thread, handler, title, line of the log, or current job is left that was not there."""

    def state() -> object:
        gc.collect()  # as whoever forks does
        handlers = [signal.getsignal(number) for number in (*SIGNALS, *IGNORED, signal.SIGCHLD)]
        return handlers, opened(), threading.enumerate(), getproctitle(), bound_slot()

    rehearse(Settings.load({}), clock=time.monotonic)  # what is made once, and kept
    before = state()
    rehearse(Settings.load({}), clock=time.monotonic)
    assert state() == before
    assert caplog.text == ""
