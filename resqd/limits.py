"""Limits of jobs: how many may run at a time, or begin in a span of time, in the whole fleet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import JobDefinitionError
from resqd.sealing import told_apart
from resqd.shared_limit import SharedLimit
from resqd.store.gates.calls import Gate

if TYPE_CHECKING:
    import inspect

_LONGEST: Final = 100
"""Characters of a value that stand in a gate's name as they are."""
_MOST: Final = 1_000_000
_LONGEST_SPAN: Final = 366 * 86_400.0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """At most so many such jobs run at a time, in the whole fleet; with `by`, so many for each value of a parameter.

    Limits of one `name` are one limit, whichever jobs are under it; see `resqd.limit`.
    """

    most: int
    by: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def definition(self) -> str:
        """As it is written in Redis."""
        return f"c {self.most}"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many such jobs begin in any `per` seconds, in the whole fleet; the rest as for Concurrency."""

    most: int
    per: float
    by: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        _check(self)
        if isinstance(self.per, bool) or not isinstance(self.per, int | float):
            raise JobDefinitionError(f"Rate: per is {self.per!r}; it takes a number of seconds")
        if not 0.001 <= self.per <= _LONGEST_SPAN:
            raise JobDefinitionError(f"Rate: per is {self.per!r}; it takes 0.001 seconds to 366 days")

    @property
    def definition(self) -> str:
        """As it is written in Redis."""
        return f"r {self.most} {round(self.per * 1_000_000)}"


Limit = Concurrency | Rate


def limit(name: str, rule: Limit | None = None, *, wait: float | None = None) -> SharedLimit:
    """A limit that jobs share by its name: `limits=[resqd.limit("stripe", resqd.Rate(100, per=1))]`.

    Inside a job a block holds it, `with resqd.limit("stripe"):`, see SharedLimit; there it needs no rule where a job
    that some daemon knows is under it.
    """
    if rule is not None and not isinstance(rule, Concurrency | Rate):
        raise JobDefinitionError(
            f"limit: {rule!r} is no rule; it takes resqd.Concurrency(5), or resqd.Rate(100, per=60)"
        )
    return SharedLimit(name, None if rule is None else replace(rule, name=name), wait=wait)


def checked(limits: Sequence[Limit | SharedLimit] | Limit | SharedLimit | None) -> tuple[Limit, ...]:
    """The limits of a job's options. Errors: JobDefinitionError."""
    given = (limits,) if isinstance(limits, Concurrency | Rate | SharedLimit) else tuple(limits or ())
    return tuple(map(_rule, given))


def _rule(given: object) -> Limit:
    if isinstance(given, SharedLimit) and given.rule is None:
        raise JobDefinitionError(
            f"limits has {given!r}, which has no rule; it takes one, as in "
            f"resqd.limit({given.name!r}, resqd.Concurrency(5))"
        )
    rule = given.rule if isinstance(given, SharedLimit) else given
    if not isinstance(rule, Concurrency | Rate):
        raise JobDefinitionError(
            f"limits has {rule!r}; it takes resqd.Concurrency and resqd.Rate, such as Concurrency(5)"
        )
    return rule


class Gauge:
    """Tells the gates of one job's calls; its limits are `named`."""

    def __init__(
        self,
        limits: Sequence[Limit],
        *,
        name: str,
        signature: inspect.Signature,
        keywords: bool,
        secret: bytes | None = None,
    ) -> None:
        """`secret`: values of parameters are not shown, and nobody who has none may guess them."""
        for each in limits:
            if each.by is not None and each.by not in signature.parameters:
                raise JobDefinitionError(f"{name}: a limit is by {each.by!r}, which the job does not take")
        self._arguments = _Arguments(signature, keywords=keywords)
        self._secret = secret
        self.named = [(_name_of(each, name), each) for each in limits]
        names = [own for own, _ in self.named]
        if twice := {own for own in names if names.count(own) > 1}:
            raise JobDefinitionError(
                f"{name}: there are two limits called {', '.join(sorted(twice))}; name them"
            )
        self._whole = tuple(Gate(own, each.definition) for own, each in self.named if each.by is None)
        self._parted = [
            (f"{own}=", each.by, each.definition) for own, each in self.named if each.by is not None
        ]

    def gates(self, args: Sequence[Any]) -> tuple[Gate, ...]:
        """Those of a payload with these arguments; none where they do not fit, since that job will only fail."""
        if not self._parted:
            return self._whole
        try:
            values = self._arguments.of(args, [by for _, by, _ in self._parted])
        except TypeError:
            return ()
        parted = zip(self._parted, values, strict=True)
        return self._whole + tuple(
            Gate(own + _shown(value, self._secret), definition) for (own, _, definition), value in parted
        )


class _Arguments:
    """Finds single arguments of a job's calls by their names. Where all have positions, no call need be bound."""

    def __init__(self, signature: inspect.Signature, *, keywords: bool) -> None:
        self._signature = signature
        self._keywords = keywords
        parameters = signature.parameters.values()
        plain = not keywords and all(
            each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters
        )
        self._places = {each.name: place for place, each in enumerate(parameters)} if plain else {}
        self._defaults = {each.name: each.default for each in parameters}
        self._least = sum(each.default is each.empty for each in parameters)

    def of(self, args: Sequence[Any], names: Iterable[str]) -> list[Any]:
        """The values of these parameters. Errors: TypeError where the arguments do not fit."""
        places, given = self._places, len(args)
        if places and self._least <= given <= len(places):
            return [args[at] if (at := places[name]) < given else self._defaults[name] for name in names]
        named: Mapping[str, Any] = {}
        if self._keywords and args and isinstance(args[-1], dict):
            args, named = args[:-1], args[-1]
        bound = self._signature.bind(*args, **named)
        bound.apply_defaults()
        return [bound.arguments[name] for name in names]


def declared(gauges: Iterable[Gauge]) -> dict[str, str]:
    """The definitions of all limits by their names. Errors: JobDefinitionError where one name means two."""
    found: dict[str, str] = {}
    for gauge in gauges:
        for name, each in gauge.named:
            if found.setdefault(name, each.definition) != each.definition:
                raise JobDefinitionError(f"the limit {name} is declared twice, and not alike; define it once")
    return found


def _name_of(each: Limit, job: str) -> str:
    if each.name is not None:
        return each.name
    kind = "concurrency" if isinstance(each, Concurrency) else "rate"
    return ":".join([job.replace("=", "~"), kind, *([each.by] if each.by else [])])


def _shown(value: Any, secret: bytes | None) -> str:
    if type(value) is int and secret is None:
        return str(value)  # as below, which takes ten times as long
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=repr)
    if secret is None and len(text) <= _LONGEST and text.isprintable():
        return text
    return told_apart(text, secret)


def _check(each: Limit) -> None:
    kind = type(each).__name__
    if isinstance(each.most, bool) or not isinstance(each.most, int) or not 0 < each.most <= _MOST:
        raise JobDefinitionError(f"{kind}: {each.most!r} is no number of jobs; it takes 1 to {_MOST:,}")
    if each.by is not None and not isinstance(each.by, str):
        raise JobDefinitionError(f"{kind}: by is {each.by!r}; it takes the name of a parameter")
    if each.name is not None and (
        not isinstance(each.name, str) or not each.name.isprintable() or "=" in each.name or not each.name
    ):
        raise JobDefinitionError(f"{kind}: {each.name!r} is no name; it takes printable text without =")
