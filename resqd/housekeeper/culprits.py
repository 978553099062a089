"""What this daemon and its application want done with jobs whose process died, and how that is recorded."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cached_property

from resqd.app import App
from resqd.errors import PayloadError
from resqd.failing import FailureRules, fewest_deliveries
from resqd.housekeeper.patience import Patience
from resqd.housekeeper.verdicts import Rule
from resqd.settings import Settings
from resqd.store.backends import Place
from resqd.store.failures import build_record
from resqd.store.keys import Keys
from resqd.store.payload import Payload, decode
from resqd.store.recovery import Convict, Held

_CLASS = re.compile(rb'[ \t\r\n]*\{(?:"\w+":[0-9]+,)*[ \t\r\n]*"class"[ \t\r\n]*:[ \t\r\n]*"([^"\\]+)"')
"""The class in the beginning of a payload, where all producers known to us put it."""


class Culprits:
    """Rules and records for crashed jobs: the job's own options, else the daemon's settings."""

    def __init__(self, *, settings: Settings, app: App, rules: FailureRules, worker_id: str) -> None:
        self._settings = settings
        self._app = app
        self._rules = rules
        self._worker = worker_id
        self._placing: Patience[Place | None] = Patience(what="place() of the application's failure backend")

    @cached_property
    def patience(self) -> int:
        """How many losses decide the fate of the job that may be lost the fewest times."""
        return fewest_deliveries(self._app.jobs, self._settings.max_deliveries)

    def rule(self, held: Held) -> Rule:
        """What applies to this job."""
        payload = _decoded(held)
        job = self._app.jobs.get(payload.job_class) if payload else None
        on_crash = (job.options.on_crash if job else None) or self._settings.on_crash
        most = (job.options.max_deliveries if job else None) or self._settings.max_deliveries
        return Rule(fail=on_crash == "fail", most=most)

    def convict(self, held: Held, why: str) -> Convict:
        """The record of this job as DirtyExit, and the lists that take it."""
        payload = _decoded(held)
        place = self._place(held.queue, payload) or Place(())
        return Convict(self._record(held, payload, why), place.lists, place.member or "")

    def _place(self, queue: str, payload: Payload | None) -> Place | None:
        if not self._rules.foreign:
            return self._rules.place(queue, payload)
        default = Place((Keys(self._settings.namespace).failed,))
        return self._placing.ask(lambda: self._rules.place(queue, payload), default)

    def _record(self, held: Held, payload: Payload | None, why: str) -> bytes:
        return build_record(
            raw=held.payload,
            payload=payload,
            exception=("DirtyExit", why),
            backtrace=(),
            worker=self._worker,
            queue=held.queue,
            failed_at=datetime.now(UTC),
            missing=held.missing,
        )


def _decoded(held: Held) -> Payload | None:
    if held.missing:
        match = _CLASS.match(held.payload)
        name = match and match[1].decode("utf-8", "replace")
        return Payload(name, [], None, 1, 0, None, held.payload) if name else None
    try:
        return decode(held.payload)
    except PayloadError:
        return None
