"""What JSON cannot hold of a job's arguments, and what to write instead."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from resqd.errors import PayloadError
from resqd.store.resque.encoding import encode, encode_new
from resqd.store.resque.unwritable import problem


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Row:
    pk = 3


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (UUID(int=1), "a UUID; write str(value), and uuid.UUID(text) in the job"),
        (datetime.now(UTC), "a datetime; write value.isoformat(), and datetime.fromisoformat(text)"),
        (date(2026, 1, 2), "a date; write value.isoformat(), and date.fromisoformat(text)"),
        (time(1), "a time; write value.isoformat()"),
        (timedelta(1), "a timedelta; write value.total_seconds()"),
        (Decimal(1), "a Decimal; write str(value), and Decimal(text)"),
        (Colour.RED, "a Colour; write value.value"),
        (Path("/tmp"), "a PosixPath; write str(value), and Path(text)"),
        (Point(1), "a Point; write dataclasses.asdict(value), and Point(**object) in the job"),
        ({1}, "a set; write sorted(value)"),
        (b"x", "a bytes; write base64.b64encode(value).decode()"),
        (float("nan"), "nan; write None, or a number"),
        (Row(), "a Row; write its pk, and load it in the job"),
        (object(), "a object; write what JSON has"),
    ],
)
def test_each_says_what_to_write(value: Any, said: str) -> None:
    """Where the job is enqueued, with the argument's place."""
    with pytest.raises(
        PayloadError, match="the arguments of Send cannot be written as JSON: argument 2 is"
    ) as caught:
        encode_new("Send", [1, value], enqueued_at=0.0)
    assert said in str(caught.value)
    with pytest.raises(PayloadError, match="argument 1"):
        encode("Send", [value], id=None)


def test_the_place_is_named_however_deep() -> None:
    """Within lists and objects, and among an object's keys."""
    assert str(problem([{"a": [0, UUID(int=1)]}])).startswith("argument 1['a'][1] is a UUID")
    assert str(problem([1, {(1, 2): 3}])).startswith("argument 2, a key in it, is a tuple; write")
    assert problem([1, "a", None, True, 1.5, [(), {}]]) is None


def test_what_holds_itself_is_refused_in_one_line() -> None:
    """The look for what is wrong ends as well."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(PayloadError, match="cannot be written as JSON"):
        encode_new("Send", endless, enqueued_at=0.0)
