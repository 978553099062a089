"""Arguments by their annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import resqd
from resqd.app import App
from resqd.errors import JobDefinitionError, PayloadError


class Size(Enum):
    SMALL = "s"


@dataclass
class Item:
    sku: UUID
    price: Decimal


class Session:
    """What cannot travel."""


@pytest.fixture
def app() -> App:
    return App(arguments=resqd.typed)


VALUES: tuple[Any, ...] = (
    UUID(int=1),
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    date(2026, 1, 2),
    Decimal("1.10"),
    Size.SMALL,
    Path("/tmp/x"),
    [Item(UUID(int=2), Decimal("0.5"))],
    {"a": {3}},
    None,
)


def test_values_travel_as_json_that_ruby_reads_and_come_back(app: App) -> None:
    """What the job gets is what was given, and the payload has text, numbers, lists and objects."""
    seen: list[tuple[Any, ...]] = []

    @app.job
    def order(  # noqa: PLR0917 - one of each kind
        number: UUID,
        at: datetime,
        day: date,
        sum_: Decimal,
        size: Size,
        path: Path,
        items: list[Item],
        tags: dict[str, set[int]],
        note: str | None,
        *more: UUID,
    ) -> None:
        seen.append((number, at, day, sum_, size, path, items, tags, note, *more))

    with resqd.testing.fake(app) as jobs:
        order.enqueue(*VALUES, UUID(int=9))
        [args] = jobs.args_of(order)
        assert args == [
            "00000000-0000-0000-0000-000000000001",
            "2026-01-02T03:04:05Z",
            "2026-01-02",
            "1.10",
            "s",
            "/tmp/x",
            [{"sku": "00000000-0000-0000-0000-000000000002", "price": "0.5"}],
            {"a": [3]},
            None,
            "00000000-0000-0000-0000-000000000009",
        ]
        assert json.loads(json.dumps(args)) == args
        jobs.drain()
    assert seen == [(*VALUES, UUID(int=9))]


def test_a_value_of_another_type_is_refused_where_it_is_enqueued(app: App) -> None:
    """Naming the parameter; one that a stranger has pushed is the job's failure."""

    @app.job
    def send(user: UUID, copies: int = 1) -> None: ...

    for wrong, said in (
        (lambda: send.enqueue(7), "send: user does not fit: Expected `uuid`, got `int`"),  # type: ignore[arg-type] # the slip
        (lambda: send.enqueue_many([(UUID(int=1), "2")]), "send: copies does not fit: Expected `int`, got `str`"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=said):
            wrong()
    with pytest.raises(PayloadError, match="user does not fit: Invalid UUID"):
        send.perform("no uuid")  # type: ignore[arg-type] # as a payload has it


def test_a_default_may_be_of_any_type(app: App) -> None:
    """It is written only where a later argument is given."""
    seen: list[Any] = []

    @app.job
    def paint(what: str, size: Size = Size.SMALL, copies: int = 1) -> None:
        seen.append((what, size, copies))

    with resqd.testing.fake(app) as jobs:
        paint.enqueue("a")
        paint.enqueue("b", copies=2)
        assert jobs.args_of(paint) == [["a"], ["b", "s", 2]]
        jobs.drain()
    assert seen == [("a", Size.SMALL, 1), ("b", Size.SMALL, 2)]


def test_what_another_job_will_return_passes_as_it_is(app: App) -> None:
    """It is JSON's when it comes, and is converted when the job reads it; what stands beside it is checked."""

    @app.job(queue="q")
    def paint(at: datetime, sizes: list[Size]) -> None: ...

    assert paint.s(resqd.RESULT, [resqd.RESULT]).args == (resqd.RESULT, [resqd.RESULT])
    with pytest.raises(TypeError, match="sizes does not fit"):
        paint.s(resqd.RESULT, ["huge"])  # type: ignore[list-item] # that is what is tested


def _given(session: Session) -> None: ...


def _deep(rows: list[Session]) -> None: ...


def _nowhere(row: Nowhere) -> None: ...  # type: ignore[name-defined] # noqa: F821 - a name that is not there


@pytest.mark.parametrize(
    ("perform", "said"),
    [
        (_given, "_given: session is Session, which JSON cannot hold"),
        (_deep, "_deep: rows is Session, which JSON cannot hold"),
        (_nowhere, "_nowhere: its annotations cannot be read: name 'Nowhere' is not defined"),
    ],
)
def test_a_job_that_takes_what_cannot_travel_is_refused(
    app: App, perform: Callable[..., None], said: str
) -> None:
    """Where it is registered."""
    with pytest.raises(JobDefinitionError, match=said):
        app.job(perform)
