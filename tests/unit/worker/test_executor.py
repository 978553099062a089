"""A job's step, interrupted at every single instruction where an interrupt can come."""

import sys
from collections import deque
from queue import SimpleQueue
from types import FrameType
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import JobInterrupt
from resqd.store.inflight import Failure
from resqd.worker import executor, interrupt
from resqd.worker.executor import LAST, Executor, Failed
from resqd.worker.mandate import Wake

_WATCHED = {executor.__file__, interrupt.__file__}


class Striker:
    """A trace function that raises JobInterrupt at the n-th instruction after the job was struck for the first time."""

    def __init__(self, running: Executor, at: int) -> None:
        self.running = running
        self.left = at
        self.armed = False

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in _WATCHED:
            return None
        frame.f_trace_opcodes = True
        if event in ("opcode", "line") and self.armed and self.running.slot.open:
            self.left -= 1
            if self.left == 0:
                raise JobInterrupt
        return self


def run_struck(at: int, *, first: bool) -> tuple[deque[Any], Striker]:
    """Run one job with an interrupt at the `at`-th instruction; `first`: the job itself was hit by one before."""
    app = App()
    outcomes: deque[Any] = deque()
    buffer: SimpleQueue[Any] = SimpleQueue()
    running = Executor(
        index=0,
        buffer=buffer,
        outcomes=outcomes,
        jobs=app.jobs,
        timed=False,
        report=lambda token, **_known: Failure(token, b"{}"),
    )
    striker = Striker(running, at)

    @app.job(queue="q", name="work")
    def work() -> None:
        striker.armed = True
        if first:
            raise JobInterrupt

    buffer.put((7, "q", b'{"class":"work","args":[]}'))
    buffer.put(LAST)
    before = sys.gettrace()
    sys.settrace(striker)
    try:
        running.run(thread_id=0, cells=memoryview(bytearray(8)).cast("Q"), wake=Wake())
    finally:
        sys.settrace(before)
    return outcomes, striker


@pytest.mark.parametrize("first", [False, True])
def test_an_interrupt_at_any_instruction_ends_in_one_outcome(first: bool) -> None:
    """Also one that breaks into the handling of another: the thread goes on, and the job is told of once."""
    at = 0
    while True:
        at += 1
        outcomes, striker = run_struck(at, first=first)
        tokens = [one.token if isinstance(one, Failed) else one for one in outcomes]
        assert tokens == [7], f"struck at instruction {at}"
        if striker.left > 0:
            break
    assert at > 3


def test_a_job_struck_before_it_was_read_is_named_in_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt came between the job's begin and its first instruction: it is no job that cannot be read."""
    outcomes: deque[Any] = deque()
    buffer: SimpleQueue[Any] = SimpleQueue()
    running = Executor(
        index=0,
        buffer=buffer,
        outcomes=outcomes,
        jobs={},
        timed=False,
        report=lambda token, **_known: Failure(token, b"{}"),
    )

    def struck(*_arguments: Any) -> Any:
        raise JobInterrupt

    monkeypatch.setattr(running, "_perform", struck)
    buffer.put((7, "q", b'{"class":"work","args":[]}'))
    buffer.put(LAST)
    running.run(thread_id=0, cells=memoryview(bytearray(8)).cast("Q"), wake=Wake())
    [failed] = outcomes
    assert failed.payload is not None
    assert failed.payload.job_class == "work"
