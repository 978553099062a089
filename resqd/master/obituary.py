"""A dead child's meaning: was its end in order, and what must be said of the jobs that were on its threads. Pure."""

from __future__ import annotations

from resqd.master.child import Child
from resqd.master.reaper import Exit
from resqd.wire.birth import Kind
from resqd.wire.messages import Death

THREADLESS = "threadless"
"""What a worker says that could start no job thread, gave its jobs back and leaves: the next one may fare as ill."""
GOOD_BYES = frozenset({"recycled", "left", "burst", "fenced", "replaced", "stopped", THREADLESS})
"""What a child says at an end after which nothing is left to recover; any other word is an error's text."""
YOUNG = 1.0
"""Seconds: a worker that ends badly before, without any job, would only do the same again at once."""


def in_order(child: Child, end: Exit) -> bool:
    """Whether the child said good-bye and meant it: what it held is settled in Redis, or was recovered already."""
    return child.exiting in GOOD_BYES and child.killed_for is None and end.status == 0


def died_at_boot(child: Child, end: Exit, *, lived: float) -> bool:
    """Whether the child died before it could do anything; forking it again at once would only spin.

    So does a worker that ends with an error of its own, or on probation without its one job, at whatever age.
    """
    if child.exiting == THREADLESS:
        return True
    if child.page.running():
        return False  # it was ready, though it may have died before it could say so
    if not child.booted:
        return True
    unwanted = child.killed_for is None and not in_order(child, end)
    early = lived < YOUNG or child.kind is Kind.PROBATION
    failed = child.kind is Kind.WORKER and _own_error(child) is not None
    return (early or failed) and not child.stats.processed and unwanted


def death(child: Child, end: Exit) -> Death | None:
    """The last words for recovery; None where there is nothing to recover.

    Jobs are blamed for a death that resqd did not cause. Where resqd killed the process, only the
    jobs for whose sake it did so are convicted, and the others go back uncharged.
    """
    if not child.working or in_order(child, end):
        return None
    running = child.page.running()
    convicted = tuple(token for token in running if child.killed_for and token in child.killed_for)
    return Death(
        fork=child.fork,
        pid=child.pid,
        running=running,
        convicted=convicted,
        blamed=child.killed_for is None and child.exiting is None,
        probation=child.kind is Kind.PROBATION,
        reason=f"{end}: {error}" if (error := _own_error(child)) else str(end),
    )


def _own_error(child: Child) -> str | None:
    """The error of its own that a child ended with, by its last words."""
    return None if child.exiting in GOOD_BYES else child.exiting


def epitaph(child: Child, end: Exit, *, lived: float) -> str:
    """The log line: which child, how it ended, after how long, with how many jobs on its threads."""
    if in_order(child, end):
        return f"{child.label} ended: {child.exiting}, after {lived:.1f} s and {child.stats.processed} jobs"
    running = len(child.page.running())
    last_words = f": {child.exiting}" if child.exiting else ""
    return f"{child.label} {end}{last_words}, after {lived:.1f} s, with {running} jobs on its threads"
