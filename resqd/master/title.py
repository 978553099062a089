"""The master's process title."""

from __future__ import annotations

from resqd import __version__
from resqd.master.plan import Fleet
from resqd.master.status import busy_threads


def title(*, prefix: str, fleet: Fleet, per_second: float) -> str:
    """For instance `resqd-1.0 (resque-1.0): master [default] 4 workers, 12 running, 3204/s`.

    Stock Resque on the same host looks for `resque-[0-9]` at the start of what `ps` shows, hence the bracket.
    """
    version = ".".join(__version__.split(".")[:2])
    state = "" if fleet.intent.value == "running" else f", {fleet.intent.value}"
    return (
        f"{prefix}resqd-{version} (resque-{version}): master [{fleet.name}] {fleet.worker_count} workers, "
        f"{busy_threads(fleet.children)} running, {per_second:.0f}/s{state}"
    )
