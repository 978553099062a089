"""A worker process from its fork to its exit status."""

from __future__ import annotations

import logging
import sys

from resqd.app import App
from resqd.clock import monotonic
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.messages import Exiting
from resqd.worker import copies, reports
from resqd.worker.blueprint import Blueprint
from resqd.worker.control import IGNORED, SIGNALS, Control
from resqd.worker.crew import FETCHER_CRASHED
from resqd.worker.fetcher import RECYCLED
from resqd.worker.pause_hooks import PauseHooks

_log = logging.getLogger(__name__)

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may hold the GIL while others ask for it: with CPU-bound jobs on every thread the
fetcher's acknowledgements waited 249 ms (p99) at Python's default of 0.005, and 28 ms at this."""
CRASHED = 70
"""Exit status of a worker that leaves jobs in flight behind (EX_SOFTWARE of sysexits.h)."""


def run(birth: Birth, *, settings: Settings, app: App, blueprint: Blueprint) -> int:
    """Be a worker: called in the forked child, returns its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    app.hooks.run("after_fork")
    crew = blueprint.crew(birth)
    pauses = PauseHooks(run=app.hooks.run, done=crew.ring)
    control = Control(birth=birth, settings=settings, crew=crew, pauses=pauses, clock=monotonic)
    copies.guard(
        channel=birth.channel,
        bell=birth.bell,
        executors=crew.executors,
        signals=[*SIGNALS, *IGNORED],
        title=f"{settings.procline_prefix}resqd-{reports.short_version()}: forked by a job",
    )
    try:
        reason = control.run()
    except OSError:
        _log.exception("a job has closed descriptors of this process; it gives way to a new one")
        crew.blame()
        return CRASHED  # without a good-bye: the master takes it for the crash that it is
    if reason == RECYCLED:
        app.hooks.run("after_jobs_run")
    app.hooks.run("worker_exit")
    birth.channel.send(Exiting(reason))
    return CRASHED if reason == FETCHER_CRASHED else 0
