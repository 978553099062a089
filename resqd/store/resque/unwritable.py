"""What JSON cannot hold of a job's arguments, and what to write instead."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from types import UnionType
from typing import Any, Final
from uuid import UUID

_DEPTH: Final = 20
"""How far into an argument is looked."""

_REMEDIES: Final[tuple[tuple[type | UnionType, str], ...]] = (
    (UUID, "str(value), and uuid.UUID(text) in the job"),
    (datetime, "value.isoformat(), and datetime.fromisoformat(text) in the job"),
    (date, "value.isoformat(), and date.fromisoformat(text) in the job"),
    (time, "value.isoformat(), and time.fromisoformat(text) in the job"),
    (timedelta, "value.total_seconds(), and timedelta(seconds=number) in the job"),
    (Decimal, "str(value), and Decimal(text) in the job"),
    (Enum, "value.value, and the class of the enum of that in the job"),
    (PurePath, "str(value), and Path(text) in the job"),
    (set | frozenset, "sorted(value)"),
    (bytes | bytearray, "base64.b64encode(value).decode(), and base64.b64decode(text) in the job"),
    (float, "None, or a number"),
)
_PLAIN: Final = (str, int, type(None))


def problem(args: Sequence[Any]) -> str | None:
    """The first value that cannot be written, where it is, and what to write; None where nothing is found."""
    for number, value in enumerate(args, start=1):
        for found, path in _unwritable(value, _DEPTH):
            where = f"argument {number}{path}"
            return f"{where} is {_named(found)}; write {_remedy(found)}"
    return None


def _unwritable(value: object, depth: int) -> Iterator[tuple[object, str]]:
    if isinstance(value, float):
        if not math.isfinite(value):
            yield value, ""
    elif isinstance(value, list | tuple) and depth:
        for index, item in enumerate(value):
            yield from ((found, f"[{index}]{path}") for found, path in _unwritable(item, depth - 1))
    elif isinstance(value, Mapping) and type(value) is dict and depth:
        for key, item in value.items():
            if not isinstance(key, str | int | float | None):
                yield key, ", a key in it,"
            yield from ((found, f"[{key!r:.40}]{path}") for found, path in _unwritable(item, depth - 1))
    elif not isinstance(value, (*_PLAIN, list, tuple, dict)):
        yield value, ""


def _named(value: object) -> str:
    return repr(value) if isinstance(value, float) else f"a {type(value).__name__}"


def _remedy(value: object) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return f"dataclasses.asdict(value), and {type(value).__name__}(**object) in the job"
    for kind, remedy in _REMEDIES:
        if isinstance(value, kind):
            return remedy
    if hasattr(value, "pk"):
        return "its pk, and load it in the job"
    return "what JSON has: text, numbers, true, false, null, lists and objects"
