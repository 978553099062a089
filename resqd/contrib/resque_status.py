"""Jobs with a status, as the Ruby gem resque-status keeps them: its pages show them, and either side runs them.

statuses = Statuses(app)

@statuses.job(name="Import")
def import_file(job):
for number, line in enumerate(lines):
job.at(number, len(lines))

uuid = import_file.create(path="...")
statuses.get(uuid).pct_complete
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from resqd.store.resque.ruby_json import ruby_inspect

if TYPE_CHECKING:
    from resqd.app import App
    from resqd.job import Job
    from resqd.store.resque.statuses import StatusStore

QUEUED: Final = "queued"
WORKING: Final = "working"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
KILLED: Final = "killed"

Word = str | Mapping[str, Any]
"""What is said of a job: a message, or facts that are merged into its status."""


class JobKilled(Exception):  # noqa: N818 - the gem's name is Killed
    """Raised in a job that somebody asked to end; its status says `killed`, and it counts as done, as in Ruby."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a job has said, with the gem's keys in `facts`."""

    facts: Mapping[str, Any]

    @property
    def uuid(self) -> str | None:
        """Its name."""
        return self.facts.get("uuid")

    @property
    def status(self) -> str:
        """queued, working, completed, failed or killed."""
        return str(self.facts.get("status"))

    @property
    def message(self) -> str | None:
        """What it said last in words."""
        return self.facts.get("message")

    @property
    def options(self) -> Mapping[str, Any]:
        """What it was created with."""
        return self.facts.get("options") or {}

    @property
    def time(self) -> datetime | None:
        """When it was created."""
        at = self.facts.get("time")
        return datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else None

    @property
    def pct_complete(self) -> int:
        """How far it is, in per cent."""
        if self.status in (COMPLETED, QUEUED):
            return 100 if self.status == COMPLETED else 0
        return int((self.facts.get("num") or 0) / (self.facts.get("total") or 1) * 100)

    @property
    def killable(self) -> bool:
        """Whether it has not ended."""
        return self.status not in (FAILED, COMPLETED, KILLED)


class Statuses:
    """The statuses of one App's namespace. `expire_in` seconds after their last word they go; None: never."""

    def __init__(
        self, app: App, *, expire_in: int | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._app = app
        self._expire_in = expire_in
        self._wall = wall

    def job(
        self, *, queue: str = "statused", name: str | None = None
    ) -> Callable[[Callable[[StatusJob], object]], StatusedJob]:
        """Register a function as a job; it is given what it says its status by. Ruby's default queue is `statused`."""

        def register(function: Callable[[StatusJob], object]) -> StatusedJob:
            return StatusedJob(self, self._app, function, queue=queue, name=name)

        return register

    def create(self, uuid: str, *words: Word) -> None:
        """Make a new status, and list it."""
        self.set(uuid, *words)
        self.store.enter(uuid, int(self._wall()), expire_in=self._expire_in)

    def set(self, uuid: str, *words: Word) -> Status:
        """Write a status out of what is said, each word over those before it."""
        facts: dict[str, Any] = {"time": int(self._wall()), "status": QUEUED, "uuid": uuid}
        for word in words:
            facts |= {"message": word} if isinstance(word, str) else word
        self.store.set(uuid, facts, expire_in=self._expire_in)
        return Status(facts)

    def get(self, uuid: str) -> Status | None:
        """One status; None where there is none."""
        return self.get_many([uuid])[0]

    def get_many(self, uuids: list[str]) -> list[Status | None]:
        """The statuses in order, None for each that there is not."""
        return [None if facts is None else Status(facts) for facts in self.store.get(uuids)]

    def all(self, start: int = 0, count: int | None = None) -> list[Status]:
        """Up to `count` statuses, newest first."""
        return [status for status in self.get_many(self.store.uuids(start, count)) if status is not None]

    def count(self) -> int:
        """How many there are."""
        return self.store.count()

    def remove(self, uuid: str) -> None:
        """Delete one."""
        self.store.remove(uuid)

    def clear(self, status: str | None = None) -> int:
        """Delete all, or those with one status; how many."""
        chosen = [each for each in self.all() if status is None or each.status == status]
        for each in chosen:
            self.remove(str(each.uuid))
        return len(chosen)

    def kill(self, uuid: str) -> None:
        """Ask a job, here or in Ruby, to end when it next says how far it is."""
        self.store.kill(uuid)

    @property
    def store(self) -> StatusStore:
        """The gem's keys in the App's Redis."""
        # It brings redis-py, which only jobs with a status need.
        from resqd.store.resque.statuses import StatusStore  # noqa: PLC0415 - see above

        return self._app.store.books.open(StatusStore)


class StatusJob:
    """One run of a job. Each word is one request to Redis, and `at` and `tick` are one more: whether to end."""

    def __init__(self, statuses: Statuses, name: str, uuid: str, options: Mapping[str, Any]) -> None:
        self.uuid = uuid
        self.options = options
        self._statuses = statuses
        self._name = f"{name}({ruby_inspect(dict(options)) if options else ''})"

    @property
    def status(self) -> Status | None:
        """What it has said so far."""
        return self._statuses.get(self.uuid)

    def at(self, num: float, total: float, *words: Word) -> None:
        """Say how far it is. Raises JobKilled where it is to end, and ValueError for a total that is not above 0."""
        if total <= 0:
            raise ValueError(f"at() was given a total of {total}; give more than 0")
        self.tick({"num": num, "total": total}, *words)

    def tick(self, *words: Word) -> None:
        """Say something. Raises JobKilled where it is to end."""
        if self._statuses.store.to_kill(self.uuid):
            self._say({"status": KILLED, "message": f"Killed at {_now()}"})
            raise JobKilled(f"{self.uuid} was asked to end")
        self._say({"status": WORKING}, *words)

    def completed(self, *words: Word) -> None:
        """Say that it is done, which is said by itself where the function says nothing else."""
        self._say({"status": COMPLETED, "message": f"Completed at {_now()}"}, *words)

    def failed(self, *words: Word) -> None:
        """Say that it has failed, without an error."""
        self._say({"status": FAILED}, *words)

    def perform(self, function: Callable[[StatusJob], object]) -> None:
        """Run a function as the gem runs a job: its status says how it ended, whatever happens."""
        self._say({"status": WORKING})
        try:
            function(self)
        except JobKilled:
            self._statuses.store.killed(self.uuid)
        except Exception as error:
            self.failed(f"The task failed because of an error: {error}")
            raise
        else:
            status = self.status
            if status is not None and status.status not in (FAILED, COMPLETED):
                self.completed()

    def _say(self, *words: Word) -> None:
        before = self.status
        self._statuses.set(self.uuid, before.facts if before else {}, {"name": self._name}, *words)


class StatusedJob:
    """What `Statuses.job` makes of a function: create jobs with it."""

    def __init__(
        self,
        statuses: Statuses,
        app: App,
        function: Callable[[StatusJob], object],
        *,
        queue: str,
        name: str | None,
    ) -> None:
        self._statuses = statuses
        known = name or f"{function.__module__}.{function.__qualname__}"

        def perform(uuid: str | None = None, options: dict[str, Any] | None = None) -> None:
            StatusJob(statuses, known, uuid or new_uuid(), options or {}).perform(function)

        perform.__doc__ = function.__doc__
        self.job: Job[..., Any] = app.job(queue=queue, name=known)(perform)

    def create(self, **options: Any) -> str | None:
        """Enqueue a job with these options; its UUID, or None where a before_enqueue hook vetoed."""
        uuid = new_uuid()
        self._statuses.create(uuid, {"options": options})
        if self.job.enqueue(uuid, options) is None:
            self._statuses.remove(uuid)
            return None
        return uuid


def new_uuid() -> str:
    """A name as the gem makes them: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %z")
