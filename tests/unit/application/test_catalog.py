"""The jobs of an application by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from resqd.application.catalog import Catalog, unknown_job
from resqd.definition import Definition
from resqd.errors import JobDefinitionError, UnknownJob
from resqd.job import Job
from resqd.options import JobOptions
from tests.support.loose_jobs import Archive, Outbox, mail


def _add(catalog: Catalog, target: Any, name: str) -> Job[..., Any]:
    return catalog.add(Definition.of(target), queue=None, name=name, options=JobOptions())


def test_a_name_belongs_to_one_job() -> None:
    """The second job of a name would never run."""
    catalog = Catalog(job_type=Job, sender=Outbox())
    first = _add(catalog, mail, "Mail")
    with pytest.raises(JobDefinitionError, match="there is a job named Mail already: mail"):
        _add(catalog, Archive, "Mail")
    assert catalog.find("Mail") is first
    with pytest.raises(UnknownJob, match="'Post'"):
        catalog.find("Post")


def test_what_goes_around_all_jobs_goes_around_those_to_come() -> None:
    """Whether a job is registered before the hook or after it."""
    seen: list[str] = []

    def hook() -> Iterator[None]:
        seen.append("before")
        yield
        seen.append("after")

    catalog = Catalog(job_type=Job, sender=Outbox())
    early = _add(catalog, mail, "Early")
    catalog.surround(hook)
    late = _add(catalog, mail, "Late")
    assert early.run([1])
    assert late.run([2])
    assert seen == ["before", "after"] * 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "Mial",
            "no job is registered as 'Mial'; did you mean 'Mail'? (2 known, of tests.support.loose_jobs)",
        ),
        ("perform", "no job is registered as 'perform'; did you mean 'archive.perform'? (2 known, of tests"),
        ("x" * 1_000_000, "xxx' (2 known, of tests.support.loose_jobs)"),
        ("\ud800", "no job is registered as '\\ud800' (2 known"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(name: str, said: str) -> None:
    """Those that look alike or end alike, and the modules that have been looked at; a payload may say anything."""
    catalog = Catalog(job_type=Job, sender=Outbox())
    _add(catalog, mail, "Mail")
    _add(catalog, Archive, "archive.perform")
    assert said in str(unknown_job(name, catalog.jobs))
    assert str(unknown_job(name, {})).endswith("nor is any other")
