"""One entry of the timetable: which job recurs, and when; and its form in Redis."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from resqd.cron.schedule import Schedule, from_facts

MISFIRES: Final = ("once", "all", "skip")
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """`app` is the application that declares it in code; None for one that was added at run time.

    `misfire`: what becomes of times that were missed by more than a minute: run once for all of them, all (up to 100),
    or skip them.
    """

    name: str
    schedule: Schedule
    job_class: str
    queue: str
    args: tuple[Any, ...] = ()
    misfire: str = "once"
    app: str | None = None

    def __post_init__(self) -> None:
        """Errors: ValueError, which says what is wrong."""
        if fault := name_fault(self.name):
            raise ValueError(fault)
        if self.misfire not in MISFIRES:
            raise ValueError(f"misfire is {self.misfire!r}; it takes 'once', 'all' or 'skip'")

    def to_json(self) -> str:
        """Its form in Redis: the same text for the same entry. Errors: ValueError, TypeError for its arguments."""
        facts = {
            **self.schedule.facts(),
            "class": self.job_class,
            "queue": self.queue,
            "args": list(self.args),
            "misfire": self.misfire,
            "app": self.app,
        }
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, name: str, text: str | bytes) -> Entry:
        """Read it again. Errors: ValueError, which says why this release cannot."""
        try:
            facts = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
        match facts:
            case {"class": str(job_class), "queue": str(queue), "args": list(args), "misfire": str(misfire)}:
                app = facts.get("app")
                known = app if isinstance(app, str) else None
                return cls(name, from_facts(facts), job_class, queue, tuple(args), misfire, known)
        raise ValueError("it lacks class, queue, args or misfire")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def name_fault(name: str) -> str | None:
    """Why this cannot be an entry's name; it becomes part of job ids."""
    if not name.strip():
        return "the entry's name is blank"
    if len(name) > LONGEST_NAME:
        return f"the entry's name has {len(name)} characters; it takes {LONGEST_NAME} at most"
    if not name.isprintable():
        return f"the entry's name {name!r} has characters that cannot be printed"
    return None


def tick_id(name: str, due: int) -> str:
    """The id of the job of one tick: the same on every host, whoever is first."""
    return f"cron:{name}:{due}"
