"""What the application does about failures: on a thread of its own, bounded, whatever its code does."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from resqd.aftermath import Aftermath
from resqd.app import App
from resqd.application.parts import parts_of
from resqd.failures import FailureRules
from resqd.store.inflight.recovery import Held
from resqd.store.inflight.tokens import Counts
from resqd.store.keys import Keys
from resqd.store.resque.encoding import encode

if TYPE_CHECKING:
    import pytest


NONE = Counts(0, 0)


def aftermath(app: App, prepared: list[str]) -> Aftermath:
    rules = FailureRules(
        policy=app.failure_policy,
        names=["redis"],
        jobs=app.jobs,
        keys=Keys(),
        around=parts_of(app).catalog.around,
    )
    return Aftermath(rules=rules, prepare=lambda: prepared.append("prepared"))


def crash(name: str, number: int) -> tuple[Held, bytes]:
    raw = encode(name, [number], id=f"{number}")
    record = b'{"payload":%b,"queue":"q","exception":"DirtyExit","error":"Job was killed"}' % raw
    return Held("q", raw, NONE), record


def test_hooks_that_hang_cost_only_what_is_too_much(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for a hook; beyond the bound a failure is kept and not told, which the log says."""
    monkeypatch.setattr("resqd.aftermath.MOST_WAITING", 2)
    app, told, prepared, release = App(), list[str](), list[str](), threading.Event()
    begun = threading.Event()

    @app.job(name="Crash")
    def job(number: int) -> None: ...

    @job.on_failure
    def hook(error: BaseException, number: int) -> None:
        begun.set()
        release.wait(10)
        told.append(f"{type(error).__name__}: {error} {number}")
        raise SystemExit(number)

    works = aftermath(app, prepared)
    works.put_crashed([crash("Crash", 0)])
    assert begun.wait(10)
    with caplog.at_level(logging.ERROR):
        works.put_crashed([crash("Crash", number) for number in range(1, 7)])
    assert len([line for line in caplog.messages if "is not told of it" in line]) == 3
    release.set()
    works.close(10)
    assert told == [f"DirtyExit: Job was killed {number}" for number in range(4)]
    assert prepared == ["prepared"]


def test_where_nobody_listens_no_thread_is_started() -> None:
    """A job without hooks, an unknown one and one that cannot be read, where the application has no callbacks."""
    app, prepared = App(), list[str]()
    app.job(name="Plain")(lambda: None)
    works = aftermath(app, prepared)
    unreadable = Held("q", b"nonsense", None), crash("Plain", 1)[1]
    works.put_crashed([crash("Plain", 1), crash("Nobody", 2), unreadable])
    works.close(10)
    assert prepared == []
    app.failure_policy.on_failure = lambda record: prepared.append(record["exception"])
    works.put_crashed([unreadable])
    works.close(10)
    assert prepared == ["prepared", "DirtyExit"]
