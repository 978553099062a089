"""resqd batches and resqd workflows: look at them, cancel them, try again what has failed of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import click

from resqd.application.batch_book import BatchBook
from resqd.application.workflow_graph import drawn
from resqd.application.workflow_picture import svg
from resqd.application.workflows import WORKFLOW
from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, confirm, one_line, opened, with_redis
from resqd.errors import UnknownBatch
from resqd.store.batches.batches import Status

_SHOWN = 20
"""Ids of jobs that are shown of each kind; --json has all."""

_id = click.argument("batch_id", type=output.name, metavar="ID")
_count = click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)


@click.group(cls=output.Group)
def batches() -> None:
    """Look at batches, cancel them, and try again what has failed of them.

    A batch is named by its ID as `list` shows it. Workflows are batches too.
    """


@click.group(cls=output.Group)
def workflows() -> None:
    """Look at workflows: which of their jobs are done, and which wait for which.

    `resqd batches` cancels them, and tries again what has failed.
    """


@batches.command("list")
@_count
@with_redis
@as_json
def list_batches(count: int, in_json: bool, **redis: str | None) -> None:
    """Show batches, the newest first."""
    _list(count, in_json, redis, only_workflows=False)


@workflows.command("list")
@_count
@with_redis
@as_json
def list_workflows(count: int, in_json: bool, **redis: str | None) -> None:
    """Show workflows, the newest first."""
    _list(count, in_json, redis, only_workflows=True)


def _list(count: int, in_json: bool, redis: dict[str, str | None], *, only_workflows: bool) -> None:
    with _book(redis) as book:
        found = book.newest(1_000 if only_workflows else count)
    shown = [_facts(each) for each in found if not only_workflows or _is_workflow(each)][:count]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo("there is no workflow" if only_workflows else "there is no batch")
    else:
        _tables().show_batches(shown, now=time.time())


@batches.command()
@_id
@with_redis
@as_json
def show(batch_id: str, in_json: bool, **redis: str | None) -> None:
    """Show one batch, with the ids of its jobs that are pending or have failed."""
    with _book(redis) as book:
        facts = _facts(_found(book, batch_id))
        facts |= {"pending_ids": sorted(book.pending(batch_id)), "failed_ids": sorted(book.failed(batch_id))}
    if in_json:
        click.echo(json.dumps(facts))
        return
    _say(facts)


@workflows.command("show")
@_id
@click.option("--svg", "as_picture", is_flag=True, help="Write a picture of it, in SVG.")
@with_redis
@as_json
def show_workflow(batch_id: str, as_picture: bool, in_json: bool, **redis: str | None) -> None:
    """Show one workflow: each job behind those that it waits for.

    Signs: + done, ! failed, > waits in its queue or runs, . waits for others, - skipped.
    """
    with _book(redis) as book:
        facts, jobs = _facts(_found(book, batch_id)), book.nodes(batch_id)
    if not jobs:
        raise NotDone(f"{one_line(batch_id)} is a batch, and no workflow: see resqd batches show")
    if in_json:
        click.echo(json.dumps(facts | {"jobs": [asdict(job) for job in jobs]}))
        return
    if as_picture:
        click.echo(svg(jobs))
        return
    _say(facts)
    for line in drawn(jobs):
        click.echo(one_line(line))


@batches.command()
@_id
@click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
@with_redis
@as_json
def cancel(batch_id: str, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Take away what of a batch has not begun. What runs goes on; its success is never told."""
    with _book(redis) as book:
        status = _found(book, batch_id)
        confirm(f"Cancel what is left of {status.total} jobs?", yes=yes)
        cancelled = book.cancel(batch_id)
    report(json.dumps({"cancelled": cancelled}) if in_json else f"cancelled {cancelled} jobs")


@batches.command()
@_id
@with_redis
@as_json
def retry(batch_id: str, in_json: bool, **redis: str | None) -> None:
    """Requeue the jobs of a batch that have failed."""
    with _book(redis) as book:
        _found(book, batch_id)
        requeued = book.retry(batch_id)
    report(json.dumps({"requeued": requeued}) if in_json else f"requeued {requeued} jobs")


@contextmanager
def _book(redis: dict[str, str | None]) -> Iterator[BatchBook]:
    with opened(**redis) as there:
        yield BatchBook(there.store)


def _found(book: BatchBook, batch_id: str) -> Status:
    try:
        return book.get(batch_id)
    except UnknownBatch as error:
        raise NotDone(one_line(str(error))) from error


def _is_workflow(status: Status) -> bool:
    return status.facts.get("kind") == WORKFLOW


def _facts(status: Status) -> dict[str, Any]:
    return {
        "id": status.id,
        "kind": WORKFLOW if _is_workflow(status) else "batch",
        "description": status.description,
        "state": status.state,
        "total": status.total,
        "ended": status.ended,
        "pending": status.pending,
        "waiting": status.left,
        "failed": status.failed,
        "skipped": status.skipped,
        "progress": round(status.progress, 4),
        "created": _time(status.created),
        "done": _time(status.done),
        "succeeded": _time(status.succeeded),
        "abandoned": status.abandoned,
        "inside": list(status.parents),
    }


def _say(facts: dict[str, Any]) -> None:
    """A line for each fact that there is."""
    for name, value in facts.items():
        if value is None or value is False or value in ("", []):
            continue
        text = value
        if isinstance(value, list):
            more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
            text = ", ".join(value[:_SHOWN]) + more
        click.echo(f"{name:12} {one_line(str(text))}")


def _time(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
