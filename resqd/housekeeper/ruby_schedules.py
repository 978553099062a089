"""Reads the schedules that resque-scheduler made at run time, where this daemon takes that program's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resqd import events
from resqd.clock import Clock, Complaints
from resqd.cron.ruby_schedules import entry_of
from resqd.store.names import to_text
from resqd.store.redis.link import Link
from resqd.store.scheduler.keys import SchedulerKeys


class RubySchedules:
    """Called, it gives the entries of all as texts by name. May raise a StoreError. Owned by the keeper's thread.

    `leads`: whether this daemon holds the lock of resque-scheduler. Whoever else does carries them out itself, so there
    are none here then.
    """

    def __init__(
        self,
        *,
        link: Link,
        namespace: str,
        app: str,
        queue_of: Callable[[str], str | None],
        environment: str,
        leads: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._link = link
        self._key = SchedulerKeys(namespace).persistent_schedules
        self._app = app
        self._queue_of = queue_of
        self._environment = environment
        self._leads = leads
        self._complaints = Complaints(clock)

    def __call__(self) -> Mapping[str, str]:
        """What is in the hash now, but for what cannot be carried out here, which is said."""
        if not self._leads():
            return {}
        found = self._link.call("HGETALL", self._key)
        texts: dict[str, str] = {}
        for name, raw in zip(map(to_text, found[::2]), found[1::2], strict=True):
            try:
                entry = entry_of(
                    name, raw, app=self._app, queue_of=self._queue_of, environment=self._environment
                )
                if entry is not None:
                    texts[entry.name] = entry.to_json()
            except ValueError as error:
                if self._complaints.due(f"{name} {error}"):
                    events.Housekeeper.cron_unreadable(entry=ascii(name), reason=error)
        return texts
