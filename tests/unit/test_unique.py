import inspect
from collections.abc import Callable
from typing import Any

import pytest

from resqd.errors import JobDefinitionError
from resqd.unique import Fingerprints, Unique


def mail(user: int, kind: str = "welcome", times: int = 1) -> None:
    """A job's code."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"by": "user"}, "a list of parameters' names"),
        ({"until": "begin"}, "'start' or 'done'"),
        ({"on_conflict": "drop"}, "'skip' or 'replace' or 'raise'"),
        ({"window": 0}, "window is 0"),
        ({"max_hold": None}, "max_hold is None"),
        ({"window": 5, "on_conflict": "replace"}, "no job that holds"),
        ({"window": 5, "until": "start"}, "no job that holds"),
    ],
)
def test_what_cannot_be_is_refused_and_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(JobDefinitionError, match=said):
        Unique(**given)


def test_the_payload_names_the_lock_and_until_when_it_holds() -> None:
    assert Unique().marks("f", "t") == {"owes": {"unique": "f t"}}
    assert Unique(until="start").marks("f", "t") == {"owes": {"start": "f t"}}
    assert Unique(window=1).marks("f", "t") == {}


Prints = Callable[..., str]


def prints(unique: Unique, code: Callable[..., Any] = mail, keywords: bool = False) -> Prints:
    made = Fingerprints(unique, name="Mail", signature=inspect.signature(code), keywords=keywords)
    return lambda *args, queue="q": made.of(queue, args)


def test_defaults_count_as_given() -> None:
    of = prints(Unique())
    assert of(1) == of(1, "welcome", 1)
    assert len({of(1), of(2), of(1, "other"), of(1, queue="low")}) == 4


def test_values_of_other_types_are_others() -> None:
    of = prints(Unique())
    assert len({of(1), of(1.0), of("1"), of(True), of(None), of([1])}) == 6


def test_only_what_is_named_counts() -> None:
    of = prints(Unique(by=["user"], across=True))
    assert of(1, "a") == of(1, "b", 7, queue="low")
    assert prints(Unique(by=[]))(1) == prints(Unique(by=[]))(2)


def test_a_trailing_object_is_read_as_keywords() -> None:
    def code(user: int, *, kind: str = "a") -> None: ...

    of = prints(Unique(by=["kind"]), code, keywords=True)
    assert of(1, {"kind": "a"}) == of(2, {})
    assert of(1, {"kind": "b"}) != of(1, {})


def test_a_name_that_the_job_does_not_take_is_refused() -> None:
    with pytest.raises(JobDefinitionError, match="by names usr, which Mail does not take"):
        prints(Unique(by=["usr"]))


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(TypeError, match=r"Mail: .*unique"):
        prints(Unique())()
