"""Where failures go and what is done about them: backtraces, backends, callbacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resqd.failures import FailurePolicy, FailureRules, backtrace_of
from resqd.hooks import JobHooks
from resqd.store.inflight.owner import Failure
from resqd.store.keys import Keys
from resqd.store.resque.backends import (
    MultipleBackend,
    Place,
    Record,
    RedisBackend,
    RedisMultiQueueBackend,
    backend_of,
    place_of,
)
from resqd.worker.recorder import Recorder


def failing(depth: int) -> None:
    if depth == 0:
        raise ValueError("inner")
    failing(depth - 1)


def test_backtraces_leave_out_our_frames() -> None:
    """A failure inside of hooks shows the application's frames, innermost first, and its cause; long ones are cut."""

    def outer(depth: int) -> None:
        try:
            failing(depth)
        except ValueError as error:
            raise KeyError("outer") from error

    with pytest.raises(KeyError) as caught:
        JobHooks().perform(outer, [2])
    lines = backtrace_of(caught.value)
    assert lines[0].startswith(__file__)
    assert lines[0].endswith(":in `outer'")
    assert any(line == "caused by ValueError: inner" for line in lines)
    assert not any("/resqd/hooks.py" in line for line in lines)
    with pytest.raises(KeyError) as caught:
        outer(500)
    assert any("more" in line for line in backtrace_of(caught.value))
    assert len(backtrace_of(caught.value)) < 120


def test_backends_say_which_lists() -> None:
    """One list, a list for each queue with its entry in the set, or both."""
    keys = Keys()
    assert backend_of(["redis"]).place("mail", keys) == Place(("resque:failed",))
    multi = Place(("resque:mail_failed",), "mail_failed")
    assert backend_of(["redis_multi_queue"]).place("mail", keys) == multi
    both = backend_of(["redis", "redis_multi_queue"])
    assert both.place("mail", keys) == Place(("resque:failed", "resque:mail_failed"), "mail_failed")


class _Astray:
    """Answers with whatever it was made with, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def place(self, queue: str, keys: Keys) -> Any:  # noqa: ARG002 - the answer is given
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    def save(self, record: Record) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    "answer",
    [ValueError("no"), SystemExit(1), None, "failed", Place((7,)), Place("failed"), Place(("a",), 3)],  # type: ignore[arg-type] # nonsense on purpose
    ids=repr,
)
def test_a_backend_that_cannot_say_where_loses_its_record_to_the_default_list(answer: Any) -> None:
    """Raised or nonsense, alone or among several: the record is kept, and nothing is raised."""
    keys = Keys()
    astray = _Astray(answer)
    assert place_of(backend_of([astray]), "mail", keys) == Place(("resque:failed",))
    both = place_of(backend_of([astray, "redis_multi_queue"]), "mail", keys)
    assert both == Place(("resque:failed", "resque:mail_failed"), "mail_failed")


def test_own_backends_save_and_one_that_fails_stops_none() -> None:
    """Every backend of several gets the record, whatever another raises."""
    saved: list[Record] = []

    class Broken(RedisBackend):
        def save(self, record: Record) -> None:
            raise RuntimeError(record)

    class Own(RedisMultiQueueBackend):
        def save(self, record: Record) -> None:
            saved.append(record)

    MultipleBackend([Broken(), Own()]).save({"exception": "E"})
    assert saved == [{"exception": "E"}]


def rules(*backends: object) -> FailureRules:
    policy = FailurePolicy(backends=backends)  # type: ignore[arg-type] # some give nonsense on purpose
    return FailureRules(policy=policy, names=("redis",), jobs={}, keys=Keys())


class Own(RedisMultiQueueBackend):
    """Gives what it is told to, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def place(self, queue: str, keys: Keys) -> Any:  # noqa: ARG002 - the answer is given
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [ValueError("no"), SystemExit(1), None, "failed", Place((1,))])  # type: ignore[arg-type] # nonsense on purpose
def test_a_backend_that_places_nothing_leaves_its_record_to_the_default_list(answer: object) -> None:
    """Whatever it raises or gives: the failure is recorded. Of several, those that work take it, too."""
    assert rules(Own(answer)).place("mail", None) == Place(("resque:failed",))
    if isinstance(answer, Exception):
        several = rules(Own(answer), Own(Place(("mine",))))
        assert several.place("mail", None) == Place(("resque:failed", "mine"))


def test_a_failure_is_recorded_though_nothing_can_be_read_of_it() -> None:
    """An error whose attributes raise is recorded by its type, with the job's payload."""

    class Hostile(Exception):  # noqa: N818 - not raised by us
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

    recorder = Recorder(rules=rules(), worker="host:1:q")
    failure = recorder(7, queue="q", raw=b'{"class":"A","args":[1]}', payload=None, error=Hostile())
    assert isinstance(failure, Failure)
    assert failure.record is not None
    record = json.loads(failure.record)
    assert record["exception"].endswith("Hostile")
    assert failure.lists == ("resque:failed",)


def test_callbacks_of_the_policy() -> None:
    """on_failure unless the error is ignored; on_expire in the given generation; their errors are not fatal."""
    told: list[str] = []

    def fail(record: Record) -> None:
        told.append(f"failed {record['exception']}")
        raise RuntimeError

    policy = FailurePolicy(
        on_failure=fail,
        ignored=(KeyError, "Quiet"),
        expire_generation=2,
        on_expire=lambda _: told.append("expired"),
    )
    for name, generation in (("ValueError", 1), ("KeyError", 1), ("app.Quiet", 2), ("ValueError", 3)):
        policy.notify({"exception": name, "payload": {"generation": generation}})
    assert told == ["failed ValueError", "expired", "failed ValueError"]
