"""Jobs: what can be registered, how arguments are bound, and hooks in Resque's order."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import pickle
from typing import Any

import pytest

from resqd.app import App
from resqd.definition import Definition
from resqd.errors import JobDefinitionError
from tests.support import named_jobs as jobs
from tests.support.loose_jobs import Archive, Outbox, generating, job_of, mail, waiting


def send(user: int, subject: str = "hi", *, copies: int = 1) -> None:
    """Never called: it is refused for its signature."""


def test_keyword_only_parameters_are_refused() -> None:
    """A payload holds positions only, so a keyword-only parameter could never be given."""
    with pytest.raises(JobDefinitionError, match="copies is keyword-only"):
        Definition.of(send)


def _lambda_default(value: object = object()) -> None: ...


class _NotStatic:
    def perform(self) -> None: ...


async def _returning(value: int) -> int:
    return value


class _Async:
    @staticmethod
    async def perform(value: int) -> int:
        return value


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (_lambda_default, "default of value"),
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


@pytest.mark.parametrize("target", [_returning, _Async])
def test_an_async_job_is_run_to_its_end_where_no_loop_is(target: Any) -> None:
    """By whoever runs its payload, as scripts do; called directly it gives its coroutine, as its code does."""
    job = App().job(name="x")(target)
    assert (job.is_async, job.bare, job.simple) == (True, False, False)
    assert job.perform(3) == 3
    assert asyncio.run(job(4)) == 4
    ran: list[int] = []
    assert job.run([5], keep=ran.append)
    assert ran == [5]


def test_a_lambda_needs_a_name() -> None:
    """Two lambdas would share a name, so one must be given."""
    with pytest.raises(JobDefinitionError, match="lambda"):
        Definition.of(lambda: None).name_and_queue(None, None)


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


def _connected(perform: Any) -> Any:
    """A decorator that gives the function an argument of its own."""

    @functools.wraps(perform)
    def call(*args: Any, **kwargs: Any) -> Any:
        return perform("connection", *args, **kwargs)

    return call


def test_an_argument_that_a_decorator_gives_is_not_asked_of_the_caller() -> None:
    """What is called counts, not what it wraps: as many positions as the decorator takes, which may be any number."""

    @_connected
    def store(connection: str, user: int) -> tuple[str, int]:
        return connection, user

    definition = Definition.of(store)
    assert definition.bind((42,), {}) == [42]
    assert definition.perform(42) == ("connection", 42)

    @functools.wraps(mail)
    def to_one(user: int) -> Any:
        return mail(user, "fixed")

    definition = Definition.of(to_one)
    assert definition.bind((), {"user": 1}) == [1]
    with pytest.raises(TypeError, match="cannot be called"):
        definition.bind((1, "x"), {})


def test_keywords_go_through_a_decorator_by_the_names_behind_it() -> None:
    """A decorator that only passes on costs no job its keyword arguments; the usual kind is like that."""

    @functools.wraps(mail)
    def logged(*args: Any, **kwargs: Any) -> Any:
        return mail(*args, **kwargs)

    definition = Definition.of(logged)
    assert definition.bind((1,), {"copies": 3}) == [1, "hi", 3]
    assert definition.bind((), {"user": 1}) == [1]
    with pytest.raises(TypeError, match="mail"):
        definition.bind((), {"nope": 1})


def test_what_a_decorator_begins_it_must_run() -> None:
    """asyncio.run in a decorator makes a job of an async function; a decorator that only calls it fails the job."""

    @functools.wraps(waiting)
    def run() -> None:
        asyncio.run(waiting())

    @functools.wraps(waiting)
    def forget() -> Any:
        return waiting()

    assert Definition.of(run).perform() is None
    with pytest.raises(TypeError, match="waiting was called and has not run"):
        Definition.of(forget).perform()
    with pytest.raises(TypeError, match="has not run"):
        Definition.of(contextlib.contextmanager(generating)).perform()


def test_a_job_is_pickled_by_its_name() -> None:
    """A pool of processes, or a copy of what holds it, gets the very job, with its App and hooks."""
    for job in (jobs.of_function, jobs.OfClass):
        assert pickle.loads(pickle.dumps(job)) is job
        assert copy.deepcopy(job) is job


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
