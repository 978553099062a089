"""The first page: what is wrong, the key figures, the last minutes as curves, queues and hosts."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from resqd.web import words
from resqd.web.data.samples import rates
from resqd.web.views.fleet import host_row
from resqd.web.views.queues import queue_rows
from resqd.web.views.states import rank_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resqd.web.data.samples import Sample
    from resqd.web.data.snapshot import Snapshot
    from resqd.web.data.wrong import Told

_QUEUES: Final = 12
_HOSTS: Final = 12
_TABLE: Final = 6
TROUBLED: Final = 2
"""Below this rank a state is trouble."""


def overview(look: Snapshot, samples: Sequence[Sample], told: Sequence[Told]) -> dict[str, object]:
    """What the overview shows."""
    lately = rates((samples[-6], samples[-1]) if len(samples) > 5 else _whole(samples))
    rows = queue_rows(look, most=_QUEUES)
    oldest = min((queue.oldest for queue in look.queues if queue.oldest is not None), default=None)
    return {
        "told": told,
        "wrong": [each for each in told if not each.over],
        "rates": lately,
        "failed_a_minute": None if lately.failed is None else lately.failed * 60,
        "waiting": look.waiting,
        "oldest": None if oldest is None else look.now - oldest,
        "busy": len(look.running),
        "threads": look.threads,
        "kept": look.failures_kept,
        "processed": look.processed,
        "queues": rows,
        "all_queues": len(look.queues),
        "troubled": sum(rank_of(queue, look.now) < TROUBLED for queue in look.queues),
        "hosts": [host_row(host, look.now) for host in look.hosts[:_HOSTS]],
        "all_hosts": len(look.hosts),
        "workers": sum(host.worker.id.worker_count or 1 for host in look.hosts),
        "curves": json.dumps(curves(samples)),
        "table": table(samples),
        "now": look.now,
    }


def _whole(samples: Sequence[Sample]) -> tuple[Sample, Sample] | None:
    return (samples[0], samples[-1]) if len(samples) > 1 else None


def curves(samples: Sequence[Sample]) -> dict[str, list[float | None]]:
    """The last minutes as columns: times, rates between two samples, and what waited and ran."""
    pairs = list(pairwise(samples))
    between = [rates(pair) for pair in pairs]
    return {
        "at": [round(last.at, 1) for _, last in pairs],
        "finished": [None if each.finished is None else round(each.finished, 2) for each in between],
        "failed": [None if each.failed is None else round(each.failed * 60, 2) for each in between],
        "waiting": [last.waiting for _, last in pairs],
        "running": [last.running for _, last in pairs],
    }


def table(samples: Sequence[Sample]) -> list[dict[str, str]]:
    """A few rows of the same, evenly spread, for who reads rather than looks."""
    columns = curves(samples)
    number = len(columns["at"])
    chosen = sorted({round(at * (number - 1) / (_TABLE - 1)) for at in range(_TABLE)}) if number else []
    return [
        {
            "at": words.clock(columns["at"][at]),
            "finished": words.rate(columns["finished"][at]),
            "failed": words.rate(columns["failed"][at]),
            "waiting": words.count(columns["waiting"][at]),
            "running": words.count(columns["running"][at]),
        }
        for at in chosen
    ]
