"""The options of a job: what `app.job(...)` takes besides name and queue, checked where the job is registered.

A new option is a field in each of the two classes, and a check below; `app.job` and those made of it take both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypedDict

from resqd.errors import JobDefinitionError
from resqd.limits import Limit, checked
from resqd.retry import Policy, is_seconds, policy_of
from resqd.shared_limit import SharedLimit
from resqd.text import lookalikes
from resqd.unique import Unique

LEAST_MEMORY = 32 << 20
"""The least bytes of an isolated job's process: Python itself takes half of it."""
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)([KMGT]?)(?:I?B)?")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class GivenOptions(TypedDict, total=False):
    """The options as keywords, for type checkers; JobOptions says what they mean."""

    on_crash: Literal["retry", "fail"] | None
    max_deliveries: int | None
    skip_failed_queue: bool
    retry: int | Policy | None
    timeout: float | None
    expires: float | None
    mask: Sequence[str] | Callable[..., Sequence[Any]] | None
    keep_result: float | None
    ruby: bool
    encrypt: bool
    unique: Unique | None
    limits: Sequence[Limit | SharedLimit] | Limit | SharedLimit | None
    isolate: bool
    memory: int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What may differ from the daemon's settings for one job; None means as the daemon says."""

    on_crash: Literal["retry", "fail"] | None = None
    """What becomes of this job when its process dies under it."""
    max_deliveries: int | None = None
    """After how many crashes it is recorded in `failed` as DirtyExit."""
    skip_failed_queue: bool = False
    """Whether a failure is only counted, and no record kept."""
    retry: int | Policy | None = None
    """When it is tried again after a failure: a number of retries, a Retry, or a callable (attempt, error)."""
    timeout: float | None = None
    """Seconds that it may run on its thread."""
    expires: float | None = None
    """Seconds after it was due, after which it need not begin any more."""
    mask: Sequence[str] | Callable[..., Sequence[Any]] | None = None
    """What pages must not show: names of parameters, or a function of the arguments that gives what they show."""
    keep_result: float | None = None
    """Seconds for which it is known how the job ended, and what it returned; see App.result."""
    ruby: bool = True
    """Whether Ruby programs may read and write it; where not, keyword-only parameters travel as a trailing object."""
    encrypt: bool = True
    """Whether its arguments and results are encrypted, where its App has keys; Ruby could not read them."""
    unique: Unique | None = None
    """That there is only one such job at a time, and which calls are the same."""
    limits: Sequence[Limit | SharedLimit] | Limit | SharedLimit | None = None
    """How many such jobs may run at a time, or begin in a span of time, in the whole fleet: Concurrency and Rate."""
    isolate: bool = False
    """Whether it runs in a process of its own, which a job thread waits for."""
    memory: int | str | None = None
    """The most memory of that process: bytes, or a text such as "512M"."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> JobOptions:
        """The options of these names; raises JobDefinitionError with each name and value that there is not."""
        known = [field.name for field in fields(cls)]
        problems = [_unknown(name, known) for name in given if name not in known]
        try:
            options = cls(**{name: value for name, value in given.items() if name in known})
        except JobDefinitionError as error:
            problems.append(str(error))
        if problems:
            raise JobDefinitionError("; ".join(problems))
        return options

    def __post_init__(self) -> None:
        if problems := [*self._problems()]:
            raise JobDefinitionError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if self.on_crash not in {None, "retry", "fail"}:
            yield f"on_crash is {self.on_crash!r}; it takes 'retry' or 'fail'"
        if self.max_deliveries is not None and not _is_count(self.max_deliveries):
            yield f"max_deliveries is {self.max_deliveries!r}; it takes 1 or more"
        if isinstance(self.mask, str):
            yield f"mask is {self.mask!r}; it takes a list of parameters' names, or a function"
        unique: object = self.unique  # whatever was given, where nothing checks types
        if unique is not None and not isinstance(unique, Unique):
            yield f"unique is {self.unique!r}; it takes a resqd.Unique, such as Unique()"
        checks: tuple[Callable[[], object], ...] = (
            lambda: checked(self.limits),
            lambda: policy_of(self.retry),
            self._check_memory,
        )
        for check in checks:
            try:
                check()
            except JobDefinitionError as error:
                yield str(error)
        for name in ("timeout", "expires", "keep_result"):
            value = getattr(self, name)
            if value is not None and not is_seconds(value):
                yield f"{name} is {value!r}; it takes a number of seconds above 0"

    def _check_memory(self) -> None:
        if self.memory_bytes is not None and not self.isolate:
            raise JobDefinitionError("memory is for a process of its own: say isolate=True as well")

    @property
    def memory_bytes(self) -> int | None:
        """`memory` in bytes; raises JobDefinitionError for what is no size, or too little to run anything."""
        if self.memory is None:
            return None
        found = _SIZE.fullmatch(str(self.memory).strip().upper())
        size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
        if size < LEAST_MEMORY:
            raise JobDefinitionError(
                f'memory is {self.memory!r}; it takes bytes, or a text such as "512M", at least {LEAST_MEMORY >> 20}M'
            )
        return size

    @property
    def policy(self) -> Policy | None:
        """When it is tried again."""
        return policy_of(self.retry)

    @property
    def simple(self) -> bool:
        """Whether a run of it needs nothing to be looked at before or after."""
        special = (self.retry, self.timeout, self.expires, self.keep_result)
        return not self.isolate and all(option is None for option in special)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _unknown(name: str, known: Sequence[str]) -> str:
    close = lookalikes(name, [*known, "name", "queue"], most=1)
    return f"a job has no option {name!r}; " + (
        f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    )


def defaults_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options for every job, checked; raises JobDefinitionError for what is none or says nothing without a job."""
    where = "App(defaults=...)"
    if own := next((name for name in ("name", "queue") if name in given), None):
        raise JobDefinitionError(f"{where}: {own} is each job's own; give it to app.job")
    try:
        JobOptions.of(given)
    except JobDefinitionError as error:
        raise JobDefinitionError(f"{where}: {error}") from None
    if given.get("mask") is not None and not callable(given["mask"]):
        raise JobDefinitionError(
            f"{where}: mask names parameters of one job; give a function of the arguments"
        )
    return dict(given)
