"""A worker's account of itself, now and then: stats for the master, the title for `ps`."""

from __future__ import annotations

from collections.abc import Sequence

from setproctitle import setproctitle

from resqd.clock import Clock
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.intent import Intent
from resqd.wire.messages import Running, Stats
from resqd.worker import reports
from resqd.worker.crew import Crew

STATS_EVERY = 0.250
"""Seconds between two reports while anything changes."""
IDLE_STATS_EVERY = 2.0
"""Seconds between two reports while nothing does."""


class Reporter:
    """Reports when `due_at` has come; the control thread may bring that moment forward."""

    def __init__(self, *, birth: Birth, settings: Settings, crew: Crew, clock: Clock) -> None:
        self.due_at = clock() + STATS_EVERY  # most short lives end before the first report
        self._birth = birth
        self._settings = settings
        self._crew = crew
        self._clock = clock
        self._channel = birth.channel
        self._last: Stats | None = None
        self._title = ""

    def begin(self, intent: Intent) -> None:
        """Set the title at once: a short life may end before the first report."""
        self._entitle(intent, 0, ())

    def report(self, intent: Intent, *, final: bool = False) -> None:
        """Send stats, and show in the title what is done and what runs; soon again while anything changes."""
        stats = self._crew.stats()
        changed = stats.running or self._last is None or stats.reserved != self._last.reserved
        self.due_at = self._clock() + (STATS_EVERY if changed else IDLE_STATS_EVERY)
        self._last = stats
        self._channel.flush()
        # What a stalled master has not read leaves room for what matters.
        if (self._channel.pending and not final) or not self._channel.send(stats):
            self._crew.unsent(stats)
        if not final:
            self._entitle(intent, stats.processed, stats.running)

    def _entitle(self, intent: Intent, done: int, running: Sequence[Running]) -> None:
        title = reports.title(
            prefix=self._settings.procline_prefix,
            name=f"{self._birth.kind.value} {self._birth.index}",
            intent=intent,
            done=done,
            permits=self._settings.jobs_per_fork,
            jobs=running,
            queues=",".join(spec.pattern for spec in self._settings.queues),
        )
        if title != self._title:
            self._title = title
            setproctitle(title)
