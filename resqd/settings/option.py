"""One setting as users meet it, and how a row of the table makes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as users meet it: the field it fills, its variable, its flag, and what it means."""

    field: str
    variable: str
    flag: str
    metavar: str
    help: str
    default: str
    parse: Callable[[str], object]
    aliases: tuple[str, ...] = ()
    optional: bool = False
    """Whether it may be absent: its default is none."""

    def given(self, value: object) -> bool:
        """Whether a flag was given. A blank one is, except where the setting may be absent: it counts as not set."""
        blank = isinstance(value, str) and not value.strip()
        return value is not None and not (blank and self.optional)

    def text_in(self, environ: Mapping[str, str]) -> tuple[str, str] | None:
        """The variable that is set and its text; an empty one counts as not set."""
        for variable in (self.variable, *self.aliases):
            if text := environ.get(variable, "").strip():
                return variable, text
        return None


def setting(  # a table's row: one parameter for each column
    default: object,
    variable: str,
    flag: str,
    parse: Callable[[str], object],
    help: str,  # noqa: A002 - the column's name, as click calls it
    *,
    shown: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Any:  # a dataclass field stands for a value of any type
    """A row of the table; `shown` is the default as users read it."""
    text = shown if shown is not None else "" if default is None else str(default)
    name, metavar = flag.split()
    row = {"variable": variable, "flag": name, "metavar": metavar, "help": help}
    metadata = {**row, "default": text, "parse": parse, "aliases": aliases, "optional": default is None}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(
        default=default, metadata=metadata, repr=variable not in {"REDIS_URL", "REDIS_SHARDS", "RESQD_SECRET"}
    )
