"""A job's hooks: their order, what they may stop, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resqd.app import App
from resqd.current import Here, bind_thread
from resqd.errors import DirtyExit, DontPerform, JobDefinitionError, JobInterrupt
from resqd.hooks import run_within

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
from tests.support.loose_jobs import Archive, generating, job_of, mail, waiting


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
        job.before_perform(generating)
    with pytest.raises(JobDefinitionError, match="async"):
        job.before_perform(waiting)


def test_a_killed_jobs_hooks_are_told_dirty_exit() -> None:
    """Whatever the job makes of its interrupt, as the record does; what does not come from a kill is told as it is."""

    place, seen = Here(None, "q"), []

    def job_code(error: BaseException) -> None:
        place.cancelled = not isinstance(error, LookupError)
        raise error

    job = job_of(job_code)
    job.on_failure(lambda error, _: seen.append(f"{type(error).__name__}: {error}"))
    bind_thread(place)
    try:
        for error in (JobInterrupt(), ValueError("cleaning up"), DirtyExit("own"), LookupError("no")):
            with pytest.raises(type(error)):
                job.run([error])
    finally:
        bind_thread(None)
    assert seen == [
        "DirtyExit: Job was killed",
        "DirtyExit: Job was killed",
        "DirtyExit: own",
        "LookupError: no",
    ]


def test_an_error_of_the_outermost_hooks_is_told_once() -> None:
    """Before the job or after it: on_failure hooks see it, and a job's own error is not told again on its way out."""

    def job_code() -> None:
        if place == "job":
            raise ValueError(place)

    def around() -> Generator[None]:
        if place == "before":
            raise ValueError(place)
        yield
        if place == "after":
            raise ValueError(place)

    seen: list[str] = []
    for place in ("before", "job", "after"):
        job = job_of(job_code)
        job.on_failure(lambda error: seen.append(str(error)))
        job.surround(around)
        with pytest.raises(ValueError, match=place):
            job.run([])
    assert seen == ["before", "job", "after"]


def test_work_within_hooks_is_done_whatever_they_do() -> None:
    """They raise before or after it, do not yield, yield twice; what the work raises goes through them."""
    told: list[str] = []

    def around() -> Generator[None]:
        if how == "before":
            raise SystemExit(how)
        if how == "never":
            return
        yield
        told.append("out")
        if how == "after":
            raise ValueError(how)
        if how == "twice":
            yield

    for how in ("well", "before", "never", "after", "twice"):
        told.clear()
        run_within([around], lambda: told.append("work"))
        assert told == (["work"] if how in ("before", "never") else ["work", "out"])

    def work() -> None:
        raise KeyError("work")

    with pytest.raises(KeyError):
        run_within([around], work)


def test_what_goes_around_yields() -> None:
    """A plain function around jobs or process hooks would keep them from running, so it is refused at once."""
    app = App()
    for surround in (job_of(mail).surround, app.hooks.surround):
        with pytest.raises(JobDefinitionError, match="must be a generator function that yields once"):
            surround(lambda: None)


def test_a_hook_of_a_kind_that_is_an_object_is_judged_by_its_call() -> None:
    """An object whose call waits or yields would do nothing, around a job as around a process."""

    class Waiting:
        async def __call__(self) -> None:
            pass

    class Yielding:
        def __call__(self) -> Generator[None]:
            yield

    job = job_of(mail)
    with pytest.raises(JobDefinitionError, match="async"):
        job.before_perform(Waiting())
    with pytest.raises(JobDefinitionError, match="yields once"):
        job.after_perform(Yielding())
    job.around_perform(Yielding())
