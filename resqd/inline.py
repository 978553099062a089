"""Running a job in the calling thread, without worker or queue: for tests, and for `app.inline`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resqd.current import bind_thread, bound_slot

if TYPE_CHECKING:
    from resqd.job import Job
    from resqd.store.payload import Payload


@dataclass(slots=True)
class _Here:
    """The slot of a job that runs in its caller's thread; nobody cancels it."""

    payload: Payload | None
    queue: str
    cancelled: bool = False


def run_here(job: Job[..., Any], payload: Payload, queue: str) -> bool:
    """Run one job now, hooks and `current_job()` included; False where a hook ended it quietly."""
    outer = bound_slot()
    here = _Here(payload, queue)
    bind_thread(here)
    try:
        return job.run(payload.args)
    finally:
        here.payload = None
        bind_thread(outer)
