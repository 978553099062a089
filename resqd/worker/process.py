"""A worker process from its fork to its exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from resqd import SHORT_VERSION, events
from resqd.app import App
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.intent import SIGNALS
from resqd.wire.messages import Exiting
from resqd.worker.blueprint import Blueprint
from resqd.worker.fetcher import RECYCLED
from resqd.worker.guard import at_fork
from resqd.worker.manager import FETCHER_CRASHED
from resqd.worker.signals import IGNORED

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may hold the GIL while others ask for it: with CPU-bound jobs on every thread the
fetcher's acknowledgements waited 249 ms (p99) at Python's default of 0.005, and 28 ms at this."""
CRASHED = 70
"""Exit status of a worker that leaves jobs in flight behind (EX_SOFTWARE of sysexits.h)."""


def run(birth: Birth, *, settings: Settings, app: App, blueprints: Sequence[Blueprint]) -> int:
    """Be a worker of one shard: called in the forked child, returns its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    blueprint = blueprints[birth.shard]
    blueprint.begin_isolation(birth)
    app.hooks.run("after_fork")
    manager = blueprint.manager(birth)
    control = blueprint.control(birth, manager)
    at_fork(
        channel=birth.channel,
        bell=birth.bell,
        jobs=blueprint.endings,
        signals=[*SIGNALS, *IGNORED],
        title=f"{settings.procline_prefix}resqd-{SHORT_VERSION}: forked by a job",
    )
    try:
        reason = control.run()
    except OSError:
        events.Worker.descriptors_lost()
        manager.blame()
        return CRASHED  # it says nothing to the master, which takes it for the crash that it is
    if reason == RECYCLED:
        app.hooks.run("after_jobs_run")
    app.hooks.run("worker_exit")
    ended, dismissed = manager.farewell() if blueprint.fails_over else ("", ())
    birth.channel.send(Exiting(reason, ended, dismissed))
    return CRASHED if reason == FETCHER_CRASHED else 0
