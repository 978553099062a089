"""How a job is to be enqueued: what is refused, and what a signature is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resqd.store.later.later import When
from resqd.using import NOW, GivenUsing
from tests.support.loose_jobs import job_of, mail


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"quue": "low"}, TypeError, "and not quue"),
        ({"delay": 1, "at": datetime.now(UTC)}, TypeError, "and not both"),
        ({"delay": -1}, ValueError, "delay is -1"),
        ({"delay": True}, TypeError, "delay is True"),
        ({"delay": float("nan")}, ValueError, "delay is nan"),
        ({"delay": "60"}, TypeError, "delay is '60'"),
        ({"delay": 1e12}, ValueError, "up to 100 years"),
        ({"at": datetime(2030, 1, 1)}, ValueError, "has no time zone"),
        ({"at": 1_900_000_000}, TypeError, "for seconds use a delay"),
        ({"queue": " "}, ValueError, "queue is ' '"),
        ({"timeout": 0}, ValueError, "timeout is 0"),
        ({"expires": None}, TypeError, "expires is None"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(given: Any, error: type[Exception], says: str) -> None:
    """When the terms are made, and not when the job is enqueued."""
    with pytest.raises(error, match=says):
        job_of(mail).using(**given)


def test_terms_are_laid_over_each_other() -> None:
    """The last word counts; what is not said stays."""
    first: GivenUsing = {"queue": "a", "delay": 5, "timeout": 1}
    then: GivenUsing = {"delay": timedelta(seconds=9), "expires": 2}
    both = NOW.with_(first).with_(then)
    assert (both.queue, both.when, both.front) == ("a", When.after(9), False)
    assert both.marks == {"timeout": 1.0, "expires": 2.0}


def test_a_later_jobs_front_is_that_of_the_moment_when_it_is_due() -> None:
    """It travels first in the payload, where the script that moves it looks; what comes later may take it back."""
    later = NOW.with_({"timeout": 1}).with_({"front": True}).with_({"delay": 5})
    assert (later.front, [*later.marks]) == (False, ["front", "timeout"])
    assert later.with_({"expires": 2}).marks == {"front": 1, "timeout": 1.0, "expires": 2.0}
    assert later.with_({"front": False}).marks == {"timeout": 1.0}
    assert NOW.with_({"front": True}).front


def test_a_signature_shows_what_it_would_enqueue() -> None:
    """Arguments are checked when it is made; two of the same are equal."""
    job = job_of(mail)
    assert repr(job.s(1, subject="hi")) == "job(1, 'hi')"
    assert job.s(1) == job.signature(1)
    assert job.s(1) != job.s(1).using(queue="low")
    with pytest.raises(TypeError):
        job.s()
