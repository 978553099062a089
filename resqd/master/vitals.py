"""Tells the housekeeper, which answers scrapers, what only the master knows of the daemon."""

from __future__ import annotations

from resqd.master.fleet import Fleet
from resqd.master.status import busy_threads
from resqd.wire.birth import Kind
from resqd.wire.messages import Vitals

EVERY = 2.0
"""Seconds between two accounts; their absence is the sign of a master that stands still."""


class Account:
    """A part of the master's loop; where nobody scrapes it is not there."""

    def __init__(self, *, fleet: Fleet, threads: int) -> None:
        self._fleet = fleet
        self._threads = threads
        self._due_at = 0.0

    def next_at(self) -> float | None:
        """When the next account is due; None while nobody can be told."""
        housekeeper = self._fleet.housekeeper
        return self._due_at if housekeeper is not None and housekeeper.life.booted else None

    def tick(self, now: float) -> None:
        """Tell it, where it is due."""
        housekeeper = self._fleet.housekeeper
        if now < self._due_at or housekeeper is None or not housekeeper.life.booted:
            return
        self._due_at = now + EVERY
        housekeeper.channel.send(self._vitals(now))

    def _vitals(self, now: float) -> Vitals:
        fleet = self._fleet
        working = fleet.working()
        return Vitals(
            intent=fleet.intent.value,
            wanted=fleet.worker_count,
            booted=sum(1 for child in working if child.kind is Kind.WORKER and child.life.booted),
            threads=fleet.worker_count * self._threads,
            busy=busy_threads(working),
            in_flight=sum(
                max(0, child.account.stats.reserved - child.account.stats.processed) for child in working
            ),
            suspects=max(0, fleet.suspects.count),
            uptime=now - fleet.started,
            rss_bytes=sum(child.account.stats.rss_bytes for child in fleet.children),
            processed=fleet.ledger.processed,
            failed=fleet.ledger.failed,
            exits=dict(fleet.places.exits),
        )
