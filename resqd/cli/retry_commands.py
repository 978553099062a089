"""resqd retries: look at failed jobs that wait for their next try, and at what their last errors were."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from types import ModuleType
from typing import Any

import click

from resqd import sealing
from resqd.cli import output
from resqd.cli.program import as_json, opened, with_redis
from resqd.store.later.later import Later
from resqd.store.resque.payload import decode_or_explain


@click.command()
@click.option("--queue", type=output.name, metavar="NAME", help="Only jobs for this queue.")
@click.option("--class", "job_class", type=output.name, metavar="CLASS", help="Only jobs of this class.")
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def retries(queue: str | None, job_class: str | None, count: int, in_json: bool, **redis: str | None) -> None:
    """Show failed jobs that will be tried again, the first due first, with their last errors.

    `resqd later` runs them now, moves or cancels them, by their tickets.
    """
    with opened(**redis) as there:
        shown = there.store.on_later(lambda place: list(islice(_retried(place, queue, job_class), count)))
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo("no failed job waits for another try")
    else:
        _tables().show_retries(shown, now=time.time())


def _retried(place: Later, queue: str | None, job_class: str | None) -> Iterator[dict[str, Any]]:
    """Of the jobs that are to run later those that have been tried."""
    for job in place.all():
        payload = decode_or_explain(job.raw)
        if (
            not payload.attempts
            or queue not in (None, job.queue)
            or job_class not in (None, payload.job_class)
        ):
            continue
        yield {
            "ticket": job.ticket,
            "due": datetime.fromtimestamp(job.due, UTC).isoformat(timespec="milliseconds"),
            "queue": job.queue,
            "class": payload.job_class,
            "args": sealing.shown(payload.args),
            "id": payload.id,
            "tries": payload.attempts,
            "attempts": place.attempts(payload.id) if payload.id else [],
        }


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
