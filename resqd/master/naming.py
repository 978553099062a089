"""How log lines name running jobs: by class and id, a few of them."""

from __future__ import annotations

from collections.abc import Collection

from resqd.master.child import UNREAD
from resqd.wire.messages import Running

MOST = 3
"""How many are named; the rest is counted."""


def named(jobs: Collection[Running]) -> str:
    """`Archive 1f0c, Mail 77aa and 5 more`; empty where there are none."""
    names = [f"{job.job_class or UNREAD} {job.job_id or '(no id)'}" for job in list(jobs)[:MOST]]
    more = f" and {len(jobs) - MOST} more" if len(jobs) > MOST else ""
    return ", ".join(names) + more
