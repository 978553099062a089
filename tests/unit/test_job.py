"""Jobs: what can be registered, how arguments are bound, and hooks in Resque's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resqd.definition import Definition
from resqd.errors import DontPerform, JobDefinitionError
from resqd.job import Job, JobOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence


class Outbox:
    """A sender that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Any]]] = []

    def send(self, job: Job[..., Any], queue: str, args: Sequence[Any]) -> str | None:
        self.sent.append((queue, list(args)))
        return job.name

    def send_many(self, job: Job[..., Any], queue: str, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        return [self.send(job, queue, args) for args in batch]


def job_of(target: Any, **options: Any) -> Job[..., Any]:
    return Job(
        Definition.of(target), name="job", queue="mail", options=JobOptions(**options), sender=Outbox()
    )


def send(user: int, subject: str = "hi", *, copies: int = 1) -> None:
    raise NotImplementedError


def mail(user: int, subject: str = "hi", copies: int = 1) -> tuple[int, str, int]:
    return user, subject, copies


def test_keyword_only_parameters_are_refused() -> None:
    """A payload holds positions only, so a keyword-only parameter could never be given."""
    with pytest.raises(JobDefinitionError, match="copies is keyword-only"):
        Definition.of(send)


def _lambda_default(value: object = object()) -> None: ...


async def _async() -> None: ...


def _generator() -> Generator[None]:
    yield


class _NotStatic:
    def perform(self) -> None: ...


class _Async:
    @staticmethod
    async def perform() -> None: ...


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (_lambda_default, "default of value"),
        (_async, "async"),
        (_Async, "async"),
        (_generator, "generator"),
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


def test_a_string_is_not_a_row_of_arguments() -> None:
    """enqueue_many(["ab"]) is a slip, not two arguments."""
    with pytest.raises(TypeError):
        job_of(mail).enqueue_many(["ab"])


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


class Archive:
    limit = 3

    @staticmethod
    def perform(repo: int, branch: str = "master") -> str:
        return f"{repo}/{branch}"


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


@pytest.mark.parametrize(
    "name", ["befor_perform", "before_preform", "on_failed", "arround_perform_x", "after_enqeue"]
)
def test_a_misspelt_hook_is_refused(name: str) -> None:
    """A method that looks like a hook but would never be called is an error."""
    bad = type("Bad", (Archive,), {name: staticmethod(lambda: None)})
    with pytest.raises(JobDefinitionError, match="did you mean"):
        job_of(bad)


def test_class_hooks_run_sorted_by_name_around_the_job() -> None:
    """before, around (first outermost), perform, after: each kind by name, as in Resque."""
    told: list[str] = []

    def tell(text: str) -> Callable[..., None]:
        return lambda *args: told.append(f"{text}{list(args)}")

    def around(text: str) -> Callable[..., Generator[None]]:
        def hook(*_: Any) -> Generator[None]:
            told.append(f"{text} in")
            yield
            told.append(f"{text} out")

        return hook

    methods: dict[str, Any] = {
        "before_perform_b": tell("b"),
        "before_perform_a": tell("a"),
        "around_perform_2": around("2"),
        "around_perform_1": around("1"),
        "after_perform": tell("after"),
        "perform": tell("job"),
    }
    job = job_of(type("Told", (), {name: staticmethod(method) for name, method in methods.items()}))
    assert not job.plain
    assert job.run([5]) is True
    assert told == ["a[5]", "b[5]", "1 in", "2 in", "job[5]", "2 out", "1 out", "after[5]"]


def test_dont_perform_ends_quietly() -> None:
    """DontPerform from a before or around hook: the job does not run, nothing fails, no after hook runs."""
    ran: list[str] = []
    job = job_of(lambda: ran.append("job"))

    @job.before_perform
    def refuse() -> None:
        raise DontPerform

    @job.on_failure
    def failed(_: BaseException) -> None:
        ran.append("failure")

    assert job.run([]) is False
    assert ran == []


def test_dont_perform_from_the_job_itself_is_a_failure() -> None:
    """Only a hook may end a job quietly; with hooks or without, the job's own DontPerform is its failure."""

    def job_code() -> None:
        raise DontPerform

    job = job_of(job_code)
    job.after_perform(lambda: None)
    with pytest.raises(DontPerform):
        job.run([])


def test_an_around_hook_that_does_not_yield_skips_the_job() -> None:
    """As in Resque, where a hook that never yields keeps the job from running."""
    ran: list[int] = []
    job = job_of(lambda: ran.append(1))

    @job.around_perform
    def skip() -> Generator[None]:
        if ran:
            yield

    assert job.run([]) is False
    assert ran == []


def test_an_around_hook_may_swallow_an_error() -> None:
    """An error goes through the hook at its yield; a hook that handles it makes the job done."""

    def job_code() -> None:
        raise ValueError("no")

    job = job_of(job_code)
    seen: list[str] = []

    @job.around_perform
    def swallow() -> Generator[None]:
        try:
            yield
        except ValueError as error:
            seen.append(str(error))

    job.run([])
    assert seen == ["no"]


def test_on_failure_sees_the_error_and_the_arguments() -> None:
    """Each failure hook is called with the error and the arguments; its own error does not hide the job's."""

    def job_code(_: int) -> None:
        raise ValueError("no")

    job = job_of(job_code)
    seen: list[tuple[str, int]] = []

    @job.on_failure
    def broken(*_: Any) -> None:
        raise RuntimeError("hook")

    @job.on_failure
    def record(error: BaseException, value: int) -> None:
        seen.append((str(error), value))

    with pytest.raises(ValueError, match="no"):
        job.run([4])
    assert seen == [("no", 4)]


def test_hooks_of_the_wrong_form_are_refused() -> None:
    """around_perform yields once; the other hooks do not yield."""
    job = job_of(mail)
    with pytest.raises(JobDefinitionError, match="yields once"):
        job.around_perform(lambda: None)
    with pytest.raises(JobDefinitionError, match="yields once"):
        job.before_perform(_generator)
    with pytest.raises(JobDefinitionError, match="async"):
        job.before_perform(_async)
