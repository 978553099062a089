"""What a limit takes, what it is called, and at which gates a call waits."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from resqd import JobDefinitionError
from resqd.app import App
from resqd.limits import Concurrency, Gauge, Limit, Rate, checked, declared, limit
from resqd.shared_limit import SharedLimit
from resqd.store.gates.calls import Gate


def send(tenant: str, text: str = "hi", *, urgent: bool = False) -> None:
    """A job's code."""


def gauge(*limits: Limit | SharedLimit, name: str = "send", keywords: bool = False) -> Gauge:
    return Gauge(checked(limits), name=name, signature=inspect.signature(send), keywords=keywords)


def test_a_limit_is_named_after_its_job_unless_it_has_a_name() -> None:
    """So that limits of different jobs are different ones."""
    found = gauge(Concurrency(5), Rate(100, per=60, by="tenant"), limit("stripe", Rate(9, 0.5))).gates(["a"])
    assert found == (
        Gate("send:concurrency", "c 5"),
        Gate("stripe", "r 9 500000"),
        Gate("send:rate:tenant=a", "r 100 60000000"),
    )
    assert found[2].limit == "send:rate:tenant"


@pytest.mark.parametrize(
    ("by", "args", "value"),
    [
        ("tenant", ["a"], "a"),
        ("tenant", [7], "7"),
        ("tenant", [{"b": 1, "a": None}], '{"a": null, "b": 1}'),
        ("text", ["a"], "hi"),
        ("text", ["a", "x=y"], "x=y"),
        ("urgent", ["a", {"urgent": True}], "true"),
    ],
)
def test_each_value_has_a_gate_of_its_own(by: str, args: list[Any], value: str) -> None:
    """A default counts as given."""
    [gate] = gauge(Concurrency(1, by=by), keywords=by == "urgent").gates(args)
    assert gate.name == f"send:concurrency:{by}={value}"


def test_long_and_unprintable_values_are_digests() -> None:
    """So that a gate's keys are short, and no two values share one."""
    names = [
        gauge(Concurrency(1, by="tenant")).gates([each])[0].name for each in ("x" * 101, "a\nb", "\udc80")
    ]
    assert all(len(name.partition("=")[2]) == 32 for name in names)
    assert len(set(names)) == 3


def test_a_call_that_does_not_fit_waits_nowhere() -> None:
    """It will only fail."""
    assert gauge(Concurrency(1, by="tenant")).gates([]) == ()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Concurrency(0), "Concurrency: 0 is no number of jobs"),
        (lambda: Concurrency(True), "True is no number"),
        (lambda: Concurrency(1, by=["a"]), "by is \\['a'\\]"),  # type: ignore[arg-type] # what is tested
        (lambda: Rate(1, per=0), "per is 0"),
        (lambda: Rate(1, per="1"), "takes a number of seconds"),  # type: ignore[arg-type] # what is tested
        (lambda: limit("a=b", Concurrency(1)), "'a=b' is no name"),
        (lambda: checked([5]), "limits has 5"),  # type: ignore[list-item] # what is tested
        (lambda: gauge(Concurrency(1, by="no")), "by 'no', which the job does not take"),
        (lambda: gauge(Concurrency(1), Concurrency(2)), "two limits called send:concurrency"),
        (
            lambda: declared([gauge(limit("s", Concurrency(1))), gauge(limit("s", Concurrency(2)))]),
            "s is declared twice",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object], why: str) -> None:
    """Where it is written."""
    with pytest.raises(JobDefinitionError, match=why):
        make()


def test_a_job_takes_one_limit_or_several() -> None:
    """And a job without limits has no gauge, so nothing is asked for it."""
    app = App("redis://nowhere")
    assert app.job(name="one", limits=Concurrency(1), ruby=False)(send).gauge is not None
    assert app.job(name="two", limits=[Concurrency(1), Rate(1, 1)], ruby=False)(send).gauge is not None
    assert app.job(name="none", limits=[], ruby=False)(send).gauge is None
    assert app.job(name="plain", ruby=False)(send).gauge is None
