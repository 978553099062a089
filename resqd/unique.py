"""Jobs of which there is only one at a time: which calls count as the same job, and until when."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from resqd.errors import JobDefinitionError
from resqd.retry import is_seconds
from resqd.sealing import told_apart
from resqd.store.debts import OWES

if TYPE_CHECKING:
    import inspect

Until = Literal["start", "done"]
OnConflict = Literal["skip", "replace", "raise"]

DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Unique:
    """At most one such job at a time: of this class and queue, with these arguments, or those that `by` names.

    Its lock is taken as it is enqueued, and let go as it is done, whatever becomes of it, or `until="start"`: as a
    worker takes it. With `window` it is there for so many seconds instead, whatever becomes of the job.

    `on_conflict` says what a second one does: `skip` (enqueue returns None), `replace` the first, with new arguments
    and time, if that is still to run later, or `raise` AlreadyEnqueued. `across`: in whichever queues they are.
    A lock older than `max_hold` seconds is taken over, should its job have vanished in a way that resqd cannot see.
    """

    by: Sequence[str] | None = None
    until: Until = "done"
    window: float | None = None
    on_conflict: OnConflict = "skip"
    across: bool = False
    max_hold: float = DAY

    def __post_init__(self) -> None:
        if isinstance(self.by, str) or not all(isinstance(name, str) for name in self.by or ()):
            raise JobDefinitionError(f"Unique: by is {self.by!r}; it takes a list of parameters' names")
        for name, known in (("until", get_args(Until)), ("on_conflict", get_args(OnConflict))):
            if getattr(self, name) not in known:
                raise JobDefinitionError(
                    f"Unique: {name} is {getattr(self, name)!r}; it takes {' or '.join(map(repr, known))}"
                )
        for name in ("window", "max_hold"):
            value = getattr(self, name)
            if not (is_seconds(value) or (name == "window" and value is None)):
                raise JobDefinitionError(f"Unique: {name} is {value!r}; it takes a number of seconds above 0")
        if self.window is not None and (self.until != "done" or self.on_conflict == "replace"):
            raise JobDefinitionError(
                "Unique: with a window there is no job that holds the lock, so neither until nor replace goes with it"
            )

    def marks(self, fingerprint: str, ticket: str) -> dict[str, Any]:
        """What the payload says of the lock, so that whoever ends the job lets it go; with a window nobody does."""
        if self.window is not None:
            return {}
        return {OWES: {"start" if self.until == "start" else "unique": f"{fingerprint} {ticket}"}}


class Fingerprints:
    """Tells which calls of one job are the same."""

    def __init__(
        self,
        unique: Unique,
        *,
        name: str,
        signature: inspect.Signature,
        keywords: bool,
        secret: bytes | None = None,
    ) -> None:
        """`secret`: nobody who has none may guess arguments by a fingerprint."""
        if unknown := [each for each in unique.by or () if each not in signature.parameters]:
            raise JobDefinitionError(f"Unique: by names {', '.join(unknown)}, which {name} does not take")
        self._unique = unique
        self._name = name
        self._signature = signature
        self._keywords = keywords
        self._secret = secret

    def of(self, queue: str, args: Sequence[Any]) -> str:
        """The fingerprint of a payload's arguments on this queue. Defaults count as given. Errors: TypeError."""
        values = self._values(args)
        if self._unique.by is not None:
            values = {name: values[name] for name in self._unique.by}
        text = json.dumps(
            [self._name, None if self._unique.across else queue, values],
            sort_keys=True,
            separators=(",", ":"),
            default=repr,
        )
        return told_apart(text, self._secret)

    def _values(self, args: Sequence[Any]) -> Mapping[str, Any]:
        named: Mapping[str, Any] = {}
        if self._keywords and args and isinstance(args[-1], dict):
            args, named = args[:-1], args[-1]
        try:
            bound = self._signature.bind(*args, **named)
        except TypeError as error:
            raise TypeError(f"{self._name}: {error}, so nobody can tell whether it is unique") from None
        bound.apply_defaults()
        return bound.arguments
