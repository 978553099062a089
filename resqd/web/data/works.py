"""Acts on all that a filter matches, in the background; their progress stands in Redis, for every process to show."""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import ResqdError, StoreError
from resqd.web.data.failed import Filter, Group, Groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from resqd.store.resque.failed import Failures
    from resqd.store.resque.failed_changes import Verdict
    from resqd.store.resque.failed_job import FailedJob
    from resqd.store.resque.notes import Notes
    from resqd.web.data.masks import Masks

VERBS: Final[dict[str, Verdict]] = {"requeue": "requeue", "remove": "remove", "count": "keep"}
_TOLD_EVERY: Final = 0.3
_SILENT: Final = 15.0
_MOST: Final = 3
_REASONS: Final = 5


@dataclass(frozen=True, slots=True)
class Work:
    """One such act, as it is told. Times are in seconds since 1970 of the process that does it."""

    id: str
    verb: str
    what: str
    wanted: Filter
    by: str
    began: float
    told: float
    total: int = 0
    judged: int = 0
    changed: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()
    state: str = "running"
    problem: str = ""
    groups: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state != "running"

    def to_json(self) -> str:
        """As it stands in Redis."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str, now: float) -> Work | None:
        """The work in a text; None for what is none. One whose process is gone is told as broken off."""
        try:
            value = json.loads(text)
            value["wanted"] = Filter(**value["wanted"])
            value["reasons"] = tuple(value["reasons"])
            work = cls(**value)
            lost = work.state == "running" and now - work.told > _SILENT
        except (ValueError, TypeError, KeyError):
            return None
        return replace(work, state="lost") if lost else work


class Works:
    """Starts them, and reads what became of them. `ids` limits a work to ticked records, by their digests."""

    def __init__(
        self, failures: Failures, notes: Notes, masks: Masks, wall: Callable[[], float] = time.time
    ) -> None:
        self._failures = failures
        self._notes = notes
        self._masks = masks
        self._wall = wall
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def all(self) -> list[Work]:
        """The works of the last hour, newest first; raises StoreError."""
        now = self._wall()
        found = [Work.from_json(text, now) for text in self._notes.all()]
        return sorted([work for work in found if work is not None], key=lambda work: -work.began)

    def find(self, work_id: str) -> Work | None:
        """The work of that id."""
        return next((work for work in self.all() if work.id == work_id), None)

    def stop(self, work_id: str) -> None:
        """Ask a work to stop after the records that it is at, whichever process does it."""
        self._notes.ask(work_id)

    def start(self, verb: str, what: str, wanted: Filter, by: str) -> Work:
        """Begin; raises ResqdError where three are under way already."""
        now = self._wall()
        work = Work(secrets.token_hex(6), verb, what, wanted, by, began=now, told=now)
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) >= _MOST:
                raise ResqdError(f"{_MOST} acts on many jobs are under way here; wait for one, or stop it")
            self._notes.write(work.id, work.to_json())
            doing = _Doing(
                work, failures=self._failures, notes=self._notes, masks=self._masks, wall=self._wall
            )
            thread = threading.Thread(target=doing.run, name=f"web {verb}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return work

    def close(self, patience: float = 5.0) -> None:
        """Stop those of this process and wait for them."""
        for work in self.all():
            if not work.ended:
                self.stop(work.id)
        for thread in self._threads:
            thread.join(patience)


class _Doing:
    """One work under way, on its thread."""

    def __init__(
        self, work: Work, *, failures: Failures, notes: Notes, masks: Masks, wall: Callable[[], float]
    ) -> None:
        self._work = work
        self._failures = failures
        self._notes = notes
        self._masks = masks
        self._wall = wall
        self._groups = Groups()
        self._reasons: dict[str, None] = {}
        self._refused = 0

    def run(self) -> None:
        """Do it, and tell how it ended."""
        wanted, total = self._work.wanted, self._failures.length(self._work.wanted.list_name)
        self._work = replace(self._work, total=total)
        try:
            self._failures.sweep(wanted.list_name, self._judge, watch=self._watch, refused=self._refuse)
        except StoreError as error:
            self._end("failed", str(error))
        except Exception as error:  # noqa: BLE001 - the thread's top; the page says what it was
            self._end("failed", f"{type(error).__name__}: {error}")
        else:
            self._end("stopped" if self._work.state == "stopping" else "done")

    def _judge(self, failure: FailedJob) -> Verdict:
        if not self._work.wanted.matches(failure, self._masks):
            return "keep"
        if self._work.verb == "count":
            self._groups.add(failure)
        return VERBS[self._work.verb]

    def _refuse(self, _failure: FailedJob, why: str) -> None:
        self._refused += 1
        if len(self._reasons) < _REASONS:
            self._reasons[why] = None

    def _watch(self, judged: int, changed: int) -> bool:
        self._work = replace(
            self._work,
            judged=judged,
            changed=self._groups.total if self._work.verb == "count" else changed,
            refused=self._refused,
            reasons=tuple(self._reasons),
        )
        if self._wall() - self._work.told < _TOLD_EVERY:
            return True
        self._tell()
        if self._notes.asked(self._work.id):
            self._work = replace(self._work, state="stopping")
            return False
        return True

    def _end(self, state: str, problem: str = "") -> None:
        self._work = replace(self._work, state=state, problem=problem, groups=_plain(self._groups.largest()))
        self._tell()

    def _tell(self) -> None:
        self._work = replace(self._work, told=self._wall())
        try:
            self._notes.write(self._work.id, self._work.to_json())
        except StoreError:
            return  # Redis is away: what was done is done, and the next telling says it


def _plain(groups: Iterable[Group]) -> list[dict[str, Any]]:
    return [asdict(group) for group in groups]
