"""A job's step, struck by exceptions at every single instruction where one can come."""

import sys
from collections import deque
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import JobInterrupt
from resqd.store.inflight.owner import Failure
from resqd.threads import Title, Wake
from resqd.wire.birth import Page
from resqd.worker import executor, interrupt
from resqd.worker.endings import Endings
from resqd.worker.executor import Executor
from resqd.worker.holdings import LAST, Failed
from tests.support.trials import trials_of

_WATCHED = {executor.__file__, interrupt.__file__}
_WAKE = Wake()
_PAYLOAD = b'{"class":"work","args":[],"id":"f00d"}'


class Stray(BaseException):
    """What a library raises from outside, a moment late."""


class Striker:
    """A trace function that raises `kind` at the n-th instruction after it was armed.

    `always`: wherever that is; else only while a job may be interrupted.
    """

    def __init__(self, running: Executor, at: int, kind: type[BaseException], *, always: bool) -> None:
        self.running = running
        self.left = at
        self.armed = self.always = always
        self.kind = kind
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in _WATCHED:
            return None
        frame.f_trace_opcodes = True
        if event in ("opcode", "line") and self.armed and (self.always or self.running.slot.open):
            self.left -= 1
            if self.left == 0:
                self.where = frame.f_code.co_name
                raise self.kind
        return self


class Scene:
    """One executor with its buffer; `run` goes on in a new thread's place as often as one is ended."""

    def __init__(self, *tokens: int, app: App | None = None) -> None:
        self.outcomes: deque[Any] = deque()
        self.buffer: SimpleQueue[Any] = SimpleQueue()
        self.app = app or App()
        self.page = Page(1)
        self.ended = 0
        self.executor = Executor(
            index=0,
            buffer=self.buffer,
            endings=Endings(
                outcomes=self.outcomes,
                spared=(),
                report=lambda token, **_known: Failure(token, b"{}"),
                timed=False,
            ),
            jobs=self.app.jobs,
            title=Title(),
            trials=trials_of(self.app.jobs),
        )
        for token in tokens:
            self.buffer.put((token, "q", _PAYLOAD))
        self.buffer.put(LAST)

    def run(self, striker: Striker | None = None) -> None:
        """Until LAST is taken."""
        before = sys.gettrace()
        while not self.executor.finished:
            sys.settrace(striker)
            try:
                self.executor.run(thread_id=0, page=self.page, wake=_WAKE)
            except (Stray, JobInterrupt, Empty):
                self.ended += 1
            finally:
                sys.settrace(before)
            striker = None
        self.tokens = [one.token if isinstance(one, Failed) else one for one in self.outcomes]
        self.shown = self.page.running()
        self.page.close()


def struck_while_open(at: int, *, first: bool) -> tuple[Scene, Striker]:
    """Run one job with an interrupt at the `at`-th instruction; `first`: the job itself was hit by one before."""
    app = App()
    scene = Scene(7, app=app)
    striker = Striker(scene.executor, at, JobInterrupt, always=False)

    @app.job(queue="q", name="work")
    def work() -> None:
        striker.armed = True
        if first:
            raise JobInterrupt

    scene.run(striker)
    return scene, striker


@pytest.mark.parametrize("first", [False, True])
def test_an_interrupt_at_any_instruction_ends_in_one_outcome(first: bool) -> None:
    """Also one that breaks into the handling of another: the thread goes on, and the job is told of once."""
    at = 0
    while True:
        at += 1
        scene, striker = struck_while_open(at, first=first)
        assert scene.tokens == [7], f"struck at instruction {at}"
        assert scene.ended == 0
        if striker.left > 0:
            break
    assert at > 3


@pytest.mark.parametrize("kind", [Stray, JobInterrupt, Empty])
def test_an_exception_from_outside_at_any_instruction_loses_no_job(kind: type[BaseException]) -> None:
    """Between jobs, in the bookkeeping, while one is taken: each job runs once and has one outcome, the page is empty.

    Where it ended the thread, at its very beginning or end, another goes on in its place.
    """
    at = 0
    while True:
        at += 1
        app = App()
        runs: list[int] = []
        app.job(queue="q", name="work")(lambda_of(runs))
        scene = Scene(7, 8, app=app)
        striker = Striker(scene.executor, at, kind, always=True)
        scene.run(striker)
        assert sorted(set(scene.tokens)) == [7, 8], f"struck at instruction {at}"
        failed = {one.token for one in scene.outcomes if isinstance(one, Failed)}
        assert len(failed) <= 1, f"struck at instruction {at}"
        assert len(runs) >= 2 - len(failed), f"struck at instruction {at}"
        assert len(runs) <= 2, f"struck at instruction {at}"
        assert scene.shown == (), f"struck at instruction {at}"
        assert not scene.ended or striker.where == "run", f"struck at instruction {at}"
        if striker.left > 0:
            break
    assert at > 100


def lambda_of(runs: list[int]) -> Any:
    def work() -> None:
        runs.append(1)

    return work


def test_a_job_struck_before_it_was_read_is_named_in_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt came between the job's begin and its first instruction: it is no job that cannot be read."""
    scene = Scene(7)

    def struck(*_arguments: Any) -> Any:
        raise JobInterrupt

    monkeypatch.setattr(scene.executor, "_perform", struck)
    scene.run()
    [failed] = scene.outcomes
    assert failed.payload is not None
    assert failed.payload.job_class == "work"


def test_what_a_fallen_thread_held_is_settled_or_put_back() -> None:
    """Without another thread to go on: a job that had begun gets its outcome, others wait in the buffer again."""
    app = App()

    @app.job(queue="q", name="work")
    def work() -> None:
        raise SystemExit

    scene = Scene(7, app=app)
    hand = scene.executor._hand.items
    scene.run()
    assert scene.executor.finished
    assert len(hand) == 1
    hand[:] = [(7, "q", _PAYLOAD), (8, "q", _PAYLOAD)]
    scene.page = Page(1)
    scene.executor._page = scene.page
    scene.executor.unload()
    assert [one.token for one in scene.outcomes] == [7, 7]
    assert scene.buffer.get_nowait()[0] == 8
    assert hand == []
    scene.page.close()
