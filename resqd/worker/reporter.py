"""A worker's account of itself, now and then: stats for the master, the title for `ps`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from resqd.clock import Clock
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.intent import Intent
from resqd.wire.messages import Running, Stats
from resqd.worker import reports
from resqd.worker.crew import Crew

_log = logging.getLogger(__name__)

STATS_EVERY = 0.250
"""Seconds between two reports while anything changes."""
IDLE_STATS_EVERY = 2.0
"""Seconds between two reports while nothing does."""


class Reporter:
    """Reports when `due_at` has come; the control thread may bring that moment forward.

    What a report tells was seen in passing, and jobs are what they are: it may be left out, and never raises.
    """

    def __init__(self, *, birth: Birth, settings: Settings, crew: Crew, clock: Clock) -> None:
        self.due_at = clock() + STATS_EVERY  # most short lives end before the first report
        self._birth = birth
        self._settings = settings
        self._crew = crew
        self._clock = clock
        self._channel = birth.channel
        self._last: Stats | None = None
        self._failed = False

    def begin(self, intent: Intent) -> None:
        """Set the title at once: a short life may end before the first report."""
        self._entitle(intent, 0, ())

    def report(self, intent: Intent, *, final: bool = False) -> None:
        """Send stats, and show in the title what is done and what runs; soon again while anything changes."""
        self.due_at = self._clock() + IDLE_STATS_EVERY
        try:
            self._report(intent, final=final)
        except Exception:  # noqa: BLE001 - an observation's boundary: it may fail, and the jobs go on
            if not self._failed:
                _log.exception("a report is left out; so are all until one succeeds")
            self._failed = True
        else:
            self._failed = False

    def _report(self, intent: Intent, *, final: bool) -> None:
        stats = self._crew.stats()
        changed = stats.running or self._last is None or stats.reserved != self._last.reserved
        self.due_at = self._clock() + (STATS_EVERY if changed else IDLE_STATS_EVERY)
        self._last = stats
        self._channel.flush()
        # What a stalled master has not read leaves room for what matters.
        if (self._channel.pending and not final) or not self._channel.send(stats):
            self._refused(stats)
        if not final:
            self._entitle(intent, stats.processed, stats.running)
            if not stats.running and self._crew.busy:  # one has begun just before the title was idle
                self._entitle(intent, stats.processed, self._crew.running())

    def _refused(self, stats: Stats) -> None:
        """Tell it later where the master stalls; what no frame can hold goes without what it says of jobs."""
        if self._channel.pending:
            self._crew.unsent(stats)
        else:
            self._channel.send(replace(stats, running=(), metrics=()))

    def _entitle(self, intent: Intent, done: int, running: Sequence[Running]) -> None:
        head = reports.title_head(
            prefix=self._settings.procline_prefix,
            name=f"{self._birth.kind.value} {self._birth.index}",
            done=done,
            permits=self._settings.jobs_per_fork,
        )
        queues = ",".join(spec.pattern for spec in self._settings.queues)
        self._crew.title.show(head, reports.activity(intent, running, queues), idle=not running)
