"""The recorded jobs, in workers that kill themselves at a boundary between two steps, once; an application module.

FAULT=POINT:FILE, with POINT before- or after- one of reserve, start, end, record and ack. Whoever passes the point
while FILE is there removes it and dies by SIGKILL. The master imports this before it forks, so its workers' classes
are changed here.
"""

from __future__ import annotations

import os
import signal

from resqd.store.inflight.owner import Exchanged, Inflight, Outbox, Reservation, Want
from resqd.worker.executor import Executor
from resqd.worker.holdings import Outcome
from tests.support.recorded import app

__all__ = ["APP", "FAULT", "app"]

APP = "tests.support.faults:app"
FAULT = "FAULT"

_exchange, _close = Inflight.exchange, Inflight.close
_step, _perform = Executor._step, Executor._perform


_MASTER = os.getpid()
"""It imports this, and plays some lives of workers before the first fork: no fault strikes it there."""


def _pass(point: str) -> None:
    where, _, file = os.environ[FAULT].partition(":")
    if where != point or os.getpid() == _MASTER:
        return
    try:
        os.unlink(file)  # one process alone succeeds
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def exchange(self: Inflight, outbox: Outbox, want: Want | None = None) -> Exchanged:
    told = [word for word, part in (("ack", outbox.done), ("record", outbox.failed)) if part]
    for word in [*told, "reserve"] if want else told:
        _pass(f"before-{word}")
    exchanged = _exchange(self, outbox, want)
    for word in [*told, "reserve"] if exchanged.batch else told:
        _pass(f"after-{word}")
    return exchanged


def close(self: Inflight, done: list[int]) -> Exchanged:
    if not done:
        return _close(self, done)
    _pass("before-ack")
    closed = _close(self, done)
    _pass("after-ack")
    return closed


def step(self: Executor, reservation: Reservation) -> None:
    _pass("before-start")
    _step(self, reservation)
    _pass("after-end")


def perform(self: Executor, token: int, raw: bytes) -> Outcome:
    _pass("after-start")
    outcome = _perform(self, token, raw)
    _pass("before-end")
    return outcome


if FAULT in os.environ:  # else a test has imported it for its names
    Inflight.exchange, Inflight.close = exchange, close  # type: ignore[method-assign] # plants faults
    Executor._step, Executor._perform = step, perform  # type: ignore[method-assign] # plants faults
