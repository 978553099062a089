"""Jobs: what can be registered, how arguments are bound, and hooks in Resque's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resqd.definition import Definition
from resqd.errors import JobDefinitionError

if TYPE_CHECKING:
    pass
from tests.support.loose_jobs import Archive, Outbox, generating, job_of, mail, waiting


def send(user: int, subject: str = "hi", *, copies: int = 1) -> None:
    raise NotImplementedError


def test_keyword_only_parameters_are_refused() -> None:
    """A payload holds positions only, so a keyword-only parameter could never be given."""
    with pytest.raises(JobDefinitionError, match="copies is keyword-only"):
        Definition.of(send)


def _lambda_default(value: object = object()) -> None: ...


class _NotStatic:
    def perform(self) -> None: ...


class _Async:
    @staticmethod
    async def perform() -> None: ...


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (_lambda_default, "default of value"),
        (waiting, "async"),
        (_Async, "async"),
        (generating, "generator"),
        (_NotStatic, "static method"),
        (object, "static method"),
        (7, "neither"),
        (len, "neither"),
    ],
)
def test_what_cannot_be_a_job_is_refused(target: Any, reason: str) -> None:
    """Each definition that could not run as a job is refused at registration, saying why."""
    with pytest.raises(JobDefinitionError, match=reason):
        Definition.of(target)


def test_a_lambda_needs_a_name() -> None:
    """Two lambdas would share a name, so one must be given."""
    with pytest.raises(JobDefinitionError, match="lambda"):
        Definition.of(lambda: None).default_name()


@pytest.mark.parametrize(
    ("args", "kwargs", "bound"),
    [
        ((1,), {}, [1]),
        ((1, "a"), {}, [1, "a"]),
        ((1,), {"subject": "x"}, [1, "x"]),
        ((1,), {"copies": 3}, [1, "hi", 3]),
        ((), {"user": 1}, [1]),
    ],
)
def test_arguments_become_positions(args: tuple[Any, ...], kwargs: dict[str, Any], bound: list[Any]) -> None:
    """Keywords are bound to positions; defaults are written only where a later argument needs them."""
    assert Definition.of(mail).bind(args, kwargs) == bound


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"nope": 1}), ((1,), {"user": 2})]
)
def test_arguments_that_do_not_fit_raise_at_enqueue(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """A wrong call is a TypeError at the producer."""
    with pytest.raises(TypeError, match="mail"):
        Definition.of(mail).bind(args, kwargs)


def test_open_ended_arguments() -> None:
    """`*args` takes any number of positions; what only `**kwargs` could take is refused."""

    def anything(first: int, *rest: int, **options: int) -> None: ...

    definition = Definition.of(anything)
    assert definition.bind((1, 2, 3), {}) == [1, 2, 3]
    assert definition.bind((), {"first": 1}) == [1]
    with pytest.raises(TypeError, match="has no position"):
        definition.bind((1,), {"more": 2})


@pytest.mark.parametrize(
    "row", ["ab", b"ab", {"name": "Ada"}, {1}, range(1), 1, None, (each for each in [1])]
)
def test_only_lists_and_tuples_are_rows_of_arguments(row: Any) -> None:
    """enqueue_many([{"name": "Ada"}]) is a slip, whose payload no worker could run: the item is named, none is sent."""
    job = job_of(mail)
    with pytest.raises(TypeError, match=f"item 1 of the batch is a {type(row).__name__}"):
        job.enqueue_many([(1,), row])
    with pytest.raises(TypeError, match=r"item 2 of the batch: mail.*cannot be called with"):
        job.enqueue_many([(1,), [2], (), (4,)])
    sender = job._sender
    assert isinstance(sender, Outbox)
    assert sender.sent == []


def test_a_function_job_stays_callable_and_enqueues() -> None:
    """Calling runs the function; enqueue sends positions to its own queue or another."""
    job = job_of(mail)
    assert job(1, copies=2) == (1, "hi", 2)
    job.enqueue(1, copies=2)
    job.enqueue_to("low", 1)
    job.enqueue_many([(1,), (2, "x")])
    sender = job._sender
    assert isinstance(sender, Outbox)
    assert sender.sent == [("mail", [1, "hi", 2]), ("low", [1]), ("mail", [1]), ("mail", [2, "x"])]
    assert (job.__name__, job.__wrapped__) == ("mail", mail)


def test_a_class_job_stays_a_class() -> None:
    """A class job keeps its attributes and can be a base class."""
    job: Any = job_of(Archive)
    assert (job.limit, job.perform(1)) == (3, "1/master")

    class Sub(job):  # type: ignore[misc] # a Job as a base is what this proves
        pass

    assert Sub.__mro__[1] is Archive
    with pytest.raises(AttributeError):
        _ = job.nope


def test_bad_options_are_refused() -> None:
    """Options out of range fail at registration."""
    with pytest.raises(JobDefinitionError, match="on_crash"):
        job_of(mail, on_crash="explode")
    with pytest.raises(JobDefinitionError, match="max_deliveries"):
        job_of(mail, max_deliveries=0)
