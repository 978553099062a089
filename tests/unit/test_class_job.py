"""The base class by which type checkers see what `@app.job` makes of a class."""

import pytest

import resqd
from resqd.job import Job
from tests.support.typed_jobs import Archive, app, use


def test_the_decorator_puts_a_job_in_its_place() -> None:
    """The base's own methods are read and not run."""
    assert isinstance(Archive, Job)
    with resqd.testing.fake(app) as jobs:
        assert use() == "77/X"
    assert jobs.args_of("Archive") == [
        [7],
        [7, "main"],
        [7],
        [1],
        [2, "x"],
        [7, "main"],
        [7, "main"],
        [7],
        [7],
    ]


def test_a_class_without_the_decorator_says_so() -> None:
    """Rather than enqueue nothing."""

    class Forgotten(resqd.ClassJob):
        @staticmethod
        def perform(repo_id: int) -> None: ...

    with pytest.raises(TypeError, match=r"Forgotten is no registered job: write `@app.job` above the class"):
        Forgotten.enqueue(7)
    with pytest.raises(TypeError, match="Forgotten"):
        Forgotten.enqueue_to("low", 7)
    with pytest.raises(TypeError, match="Forgotten"):
        Forgotten.enqueue_many([(7,)])
    for call in (Forgotten.using, lambda: Forgotten.s(7), lambda: Forgotten.every(60)):
        with pytest.raises(TypeError, match="Forgotten"):
            call()
    with pytest.raises(TypeError, match=r"Forgotten'> is no job"):
        app.enqueue(Forgotten, 7)
