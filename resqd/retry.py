"""When a job that failed is tried again: the policies, and what a running job may raise to decide it itself."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from resqd.errors import JobDefinitionError, ResqdError

FIRST: Final = 15.0
FACTOR: Final = 2.0
LONGEST: Final = 86_400.0
USUAL_TIMES: Final = 25
"""How often a job may ask to be retried that has no policy of its own."""
_SPREAD: Final = 10.0
_FOREVER: Final = 10 * 366 * 86_400.0
"""Seconds: no delay is longer, so that no arithmetic of a user's own leaves what a clock can hold."""

Backoff = Callable[[int, BaseException], float | None]
"""From the number of the try that failed, 1 for the first, and its error to seconds until the next; None gives up."""


def sidekiq(attempt: int, draw: float) -> float:
    """Sidekiq's curve: seconds after try number `attempt`, with its spread by a random `draw` from 0 to 1.

    From 15 s after the first try to 4 days after the 25th, 21 days in all. Source: Sidekiq's wiki, "Error Handling",
    where the count of retries so far stands for our `attempt - 1`: (count ** 4) + 15 + (rand(10) * (count + 1)).
    """
    return (attempt - 1) ** 4 + FIRST + draw * _SPREAD * attempt


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a job again up to `times` times after its first try.

    With `times` alone the delays follow Sidekiq's curve. With `first` or `factor` they are `first` seconds, then
    `factor` times the last one. Either is `most` seconds at the longest (default: a day where they grow by a
    factor), and `jitter` spreads those that grow by a factor by so much of themselves in both directions.

    `only` and `never` are classes of errors: with `only` no other error is retried, those in `never` never are.
    """

    times: int
    first: float | None = None
    factor: float | None = None
    most: float | None = None
    jitter: float = 0.1
    only: tuple[type[BaseException], ...] = ()
    never: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        _check_times(self.times)
        for name, least in (("first", 0.0), ("factor", 1.0), ("most", 0.0)):
            value = getattr(self, name)
            if value is not None and not _is_number(value, least):
                raise JobDefinitionError(
                    f"Retry: {name} is {value!r}; it takes a number of {least:g} or more"
                )
        if not _is_number(self.jitter, 0.0) or self.jitter > 1:
            raise JobDefinitionError(f"Retry: jitter is {self.jitter!r}; it takes a number from 0 to 1")
        for name in ("only", "never"):
            object.__setattr__(self, name, _classes(name, getattr(self, name)))

    def allows(self, error: BaseException) -> bool:
        """Whether this kind of error is retried."""
        return not isinstance(error, self.never) and (not self.only or isinstance(error, self.only))

    def delay(self, attempt: int, draw: float) -> float:
        """Seconds from the end of try number `attempt` to the next one, for a random `draw` from 0 to 1."""
        if self.first is None and self.factor is None:
            return min(sidekiq(attempt, draw), _FOREVER if self.most is None else self.most)
        first = FIRST if self.first is None else self.first
        factor = FACTOR if self.factor is None else self.factor
        longest = min(LONGEST if self.most is None else self.most, _FOREVER)
        try:
            grown = min(longest, first * factor ** (attempt - 1))
        except OverflowError:
            grown = longest
        return min(longest, grown * (1 + self.jitter * (2 * draw - 1)))


class RetryLater(ResqdError):  # noqa: N818 - it is raised to ask for something, and names that
    """Raised by a job: try it again in `delay` seconds (None: as its policy says). Counts as a try.

    Where the job has no policy it may ask for it USUAL_TIMES times; when no try is left, the job fails with this.
    """

    def __init__(self, delay: float | None = None) -> None:
        super().__init__("the job asked to be tried again, and has no try left")
        self.delay = None if delay is None else _checked("RetryLater", delay)


class Snooze(ResqdError):  # noqa: N818 - as above
    """Raised by a job: run it again in so many seconds. Counts as no try."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the job asked to be run later")
        self.seconds = _checked("Snooze", seconds)


class Discard(ResqdError):  # noqa: N818 - as above
    """Raised by a job: it is of no use any more. It ends, counted as discarded, without a failure record."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "the job discarded itself")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Again:
    """A job is to run again in `delay` seconds; `counted` says whether its try counts."""

    delay: float
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A job is not known here: it is to be offered again in `delay` seconds to others, who may know it."""

    delay: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """A job ends without a record, for the reason that it gave."""

    reason: str


Policy = Retry | Backoff


def policy_of(retry: object) -> Policy | None:
    """What a job's option `retry` means; raises JobDefinitionError for what it cannot be."""
    if retry is None or isinstance(retry, Retry):
        return retry
    if isinstance(retry, bool) or not (isinstance(retry, int) or callable(retry)):
        raise JobDefinitionError(
            f"retry is {retry!r}; it takes a number of retries, a resqd.Retry, or a callable "
            "(attempt, error) -> seconds"
        )
    return Retry(retry) if isinstance(retry, int) else retry


def decide(
    policy: Policy | None, *, attempt: int, error: BaseException, draw: float | None = None
) -> Again | Dropped | None:
    """What becomes of a job whose try number `attempt` (1 for the first) ended with this error; None: it has failed.

    A callable gives up by returning None; what it raises, or a delay that is none, is raised: it is the caller's to
    record that instead.
    """
    draw = random.random() if draw is None else draw  # noqa: S311 - it spreads load, and keeps no secret
    if isinstance(error, Discard):
        return Dropped(error.reason)
    if isinstance(error, Snooze):
        return Again(error.seconds, counted=False)
    asked = isinstance(error, RetryLater)
    if asked and policy is None:
        policy = Retry(USUAL_TIMES)
    if policy is None:
        return None
    if isinstance(policy, Retry):
        if attempt > policy.times or not (asked or policy.allows(error)):
            return None
        delay: float | None = policy.delay(attempt, draw)
    else:
        delay = policy(attempt, error)
        if delay is None:
            return None
    if isinstance(error, RetryLater) and error.delay is not None:
        delay = error.delay
    return Again(_checked("the retry policy", delay))


def is_seconds(value: object) -> bool:
    """Whether it is a number of seconds that a clock can hold, above 0."""
    return _is_number(value, 0.0) and 0 < value <= _FOREVER  # type: ignore[operator] # _is_number has looked


def _checked(what: str, delay: object) -> float:
    if not _is_number(delay, 0.0):
        raise ValueError(f"{what}: a delay of {delay!r}; it takes a number of seconds, 0 or more")
    return min(float(delay), _FOREVER)  # type: ignore[arg-type] # _is_number has looked


def _is_number(value: object, least: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isnan(value) and value >= least


def _check_times(times: object) -> None:
    if isinstance(times, bool) or not isinstance(times, int) or times < 0:
        raise JobDefinitionError(f"retry: {times!r} times; it takes a whole number, 0 or more")


def _classes(name: str, given: object) -> tuple[type[BaseException], ...]:
    classes: tuple[Any, ...] = tuple(given) if isinstance(given, tuple | list | set | frozenset) else (given,)
    for each in classes:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise JobDefinitionError(f"Retry: {name} holds {each!r}; it takes classes of errors")
    return classes
