"""resqd scheduler: what Ruby's resque-scheduler keeps in Redis, delayed jobs and schedules."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import click

from resqd.app import App
from resqd.cli.program import OpenedStore, as_json, one_line, opened, with_redis
from resqd.resque_scheduler import Entry, ResqueScheduler, Schedule

T = TypeVar("T")


@click.group()
def scheduler() -> None:
    """Show Ruby's delayed jobs and schedules.

    What resque-scheduler keeps in Redis.
    """


@scheduler.command("list")
@click.option(
    "--from", "start", type=click.IntRange(min=0), default=0, show_default=True, help="Skip so many."
)
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def list_(start: int, count: int, in_json: bool, **redis: str | None) -> None:
    """Show delayed jobs, first due first.

    Of those that resque-retry will try again: how often it has, and the last error.
    """
    with opened(**redis) as there:
        shown = _ask(there, lambda of: of.entries(start, count))
        total = _ask(there, lambda of: of.count())
        holder = _ask(there, lambda of: of.holder())
    facts = [_entry(entry) for entry in shown]
    if in_json:
        click.echo(json.dumps({"delayed": facts, "total": total, "scheduler": holder}))
        return
    if facts:
        _tables().show_delayed(facts)
    click.echo(
        f"{total} delayed; {f'{one_line(holder)} is the scheduler' if holder else 'no scheduler has the lock'}"
    )


@scheduler.command()
@with_redis
@as_json
def schedules(in_json: bool, **redis: str | None) -> None:
    """Show the schedules made at run time.

    Those of a schedule.yml are in no Redis.
    """
    with opened(**redis) as there:
        shown = [_schedule(each) for each in _ask(there, lambda of: of.schedules())]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo("no schedule was made at run time")
    else:
        _tables().show_schedules(shown)


def _ask(there: OpenedStore, question: Callable[[ResqueScheduler], T]) -> T:
    app = App(there.url, there.namespace)
    try:
        return question(app.resque_scheduler)
    finally:
        app.store.close()


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "class": entry.job_class,
        "args": entry.args,
        "queue": entry.queue,
        "retries": entry.retries,
        "last_error": entry.last_error,
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {"name": schedule.name, "config": schedule.config, "last_enqueued": schedule.last_enqueued}


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - rich takes longer to import than all of the rest

    return tables
