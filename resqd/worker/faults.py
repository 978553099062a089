"""Faults that tests plant: a worker kills itself at a boundary between two steps, once. Costs nothing where unset.

RESQD_FAULT=POINT:FILE, with POINT before- or after- one of reserve, start, end, record and ack. Whoever passes
the point while FILE is there removes it and dies by SIGKILL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from resqd.store.inflight.owner import Exchanged, Inflight, Outbox, Reservation, Want
from resqd.worker.executor import Executor
from resqd.worker.holdings import Outcome

VARIABLE = "RESQD_FAULT"


def planted(environ: Mapping[str, str]) -> tuple[type[Inflight], type[Executor]]:
    """The classes to build a worker of: the plain ones unless a test has planted a fault."""
    if VARIABLE not in environ:
        return Inflight, Executor
    return _FaultyInflight, _FaultyExecutor


def _pass(point: str) -> None:
    where, _, file = os.environ[VARIABLE].partition(":")
    if where != point:
        return
    try:
        os.unlink(file)  # one process alone succeeds
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class _FaultyInflight(Inflight):
    def exchange(self, outbox: Outbox, want: Want | None = None) -> Exchanged:
        told = [word for word, part in (("ack", outbox.done), ("record", outbox.failed)) if part]
        for word in [*told, "reserve"] if want else told:
            _pass(f"before-{word}")
        exchanged = super().exchange(outbox, want)
        for word in [*told, "reserve"] if exchanged.batch else told:
            _pass(f"after-{word}")
        return exchanged

    def close(self, done: list[int]) -> Exchanged:
        if not done:
            return super().close(done)
        _pass("before-ack")
        closed = super().close(done)
        _pass("after-ack")
        return closed


class _FaultyExecutor(Executor):
    def _step(self, reservation: Reservation) -> None:
        _pass("before-start")
        super()._step(reservation)
        _pass("after-end")

    def _perform(self, token: int, queue: str, raw: bytes) -> Outcome:
        _pass("after-start")
        outcome = super()._perform(token, queue, raw)
        _pass("before-end")
        return outcome
