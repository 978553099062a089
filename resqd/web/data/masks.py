"""Arguments as pages may show them: what a job's `mask` hides is hidden everywhere, from searches too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from resqd import sealing
from resqd.text import escaped
from resqd.web import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from resqd.job import Job

_MOST_ARGUMENTS: Final = 50
_MOST_SHOWN: Final = 4_000


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument for display: its parameter's name where that is known, and its text as JSON."""

    name: str
    text: str
    masked: bool = False


class Masks:
    """`jobs` are the application's. With `hide_all` no argument of any job is shown."""

    def __init__(self, jobs: Mapping[str, Job[..., Any]], *, hide_all: bool = False) -> None:
        self._jobs = jobs
        self._hide_all = hide_all

    def arguments(self, job_class: str, args: Sequence[Any], *, most: int = _MOST_SHOWN) -> list[Argument]:
        """Up to fifty arguments, each cut to `most` characters."""
        job = self._jobs.get(job_class)
        names = [] if job is None else job.parameters
        rule = None if job is None else job.options.mask
        shown = list(args)[:_MOST_ARGUMENTS]
        if any(map(sealing.is_sealed, shown)):
            names = names if len(shown) > 1 or len(names) == 1 else []
            return [_sealed(_name(names, at), value, most) for at, value in enumerate(shown)]
        if self._hide_all:
            return [_masked(_name(names, at), value) for at, value in enumerate(shown)]
        if callable(rule):
            return _told_by(rule, shown, names, most)
        hidden = set(rule or ())
        named = _trailing(job, args) if hidden else None
        if named is not None:
            return [*_each(shown[:-1], names, hidden, most), _object(named, names, hidden, most)]
        return _each(shown, names, hidden, most)

    def line(self, job_class: str, args: Sequence[Any], most: int = 80) -> str:
        """The arguments on one line."""
        parts = [each.text for each in self.arguments(job_class, args, most=most)]
        return words.cut(", ".join(parts), most)

    def searched(self, job_class: str, args: Sequence[Any]) -> str:
        """What a search for argument text looks through: what is shown, so that it tells nothing more."""
        shown = [each.text for each in self.arguments(job_class, args, most=100_000) if not each.masked]
        return ", ".join(shown)

    @property
    def hides_all(self) -> bool:
        """Whether no argument of any job is shown."""
        return self._hide_all

    def hides(self, job_class: str) -> bool:
        """Whether anything of this job is hidden, so that its payload must not be shown as it is."""
        job = self._jobs.get(job_class)
        return self._hide_all or (job is not None and job.options.mask is not None)

    def payload(self, job_class: str, raw: bytes) -> str | None:
        """The payload as it is, for people; None where parts of it are hidden."""
        return None if self.hides(job_class) else escaped(raw.decode("utf-8", "replace"))


def _told_by(rule: Any, args: list[Any], names: list[str], most: int) -> list[Argument]:
    """What the job's own function shows. Where it raises, or gives no list, everything is hidden."""
    try:
        told = list(rule(*args))
    except Exception:  # noqa: BLE001 - the application's code; hiding all is what is safe
        return [_masked(_name(names, at), value) for at, value in enumerate(args)]
    return [
        Argument(
            _name(names, at), words.as_json(value, most), masked=at >= len(args) or not _same(value, args[at])
        )
        for at, value in enumerate(told[:_MOST_ARGUMENTS])
    ]


def _each(args: Sequence[Any], names: list[str], hidden: set[str], most: int) -> list[Argument]:
    return [
        _masked(_name(names, at), value)
        if _name(names, at) in hidden
        else Argument(_name(names, at), words.as_json(value, most))
        for at, value in enumerate(args)
    ]


def _trailing(job: Job[..., Any] | None, args: Sequence[Any]) -> dict[str, Any] | None:
    """The object of a job's keywords, where it has one and it is shown."""
    if job is None or not job.keywords or not 0 < len(args) <= _MOST_ARGUMENTS:
        return None
    return args[-1] if isinstance(args[-1], dict) else None


def _object(given: Mapping[str, Any], names: list[str], hidden: set[str], most: int) -> Argument:
    """The trailing object of what has no position; what is no parameter by itself may be of one that is hidden."""
    told = {
        key: f"masked, {type(value).__name__}" if key in hidden or key not in names else value
        for key, value in given.items()
    }
    return Argument("", words.as_json(told, most), masked=told != given)


def _same(told: Any, value: Any) -> bool:
    try:
        return json.dumps(told) == json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False


def _sealed(name: str, value: Any, most: int) -> Argument:
    """One of several of which some are encrypted: a result of another job may stand beside what was given."""
    return Argument(name, words.as_json(sealing.shown(value), most), masked=True)


def _masked(name: str, value: Any) -> Argument:
    return Argument(name, f"masked, {type(value).__name__}", masked=True)


def _name(names: Sequence[str], at: int) -> str:
    return names[at] if at < len(names) else ""
