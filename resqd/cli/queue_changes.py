"""resqd queues clear, move and remove: what changes whole queues, and so asks first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, OpenedStore, as_json, confirm, one_line, opened, with_redis
from resqd.cli.queue_commands import complete_queue, queues

if TYPE_CHECKING:
    from resqd.store.resque.queues import Queues

_queue = click.argument("queue", type=output.name, shell_complete=complete_queue)
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first.")


@click.command()
@_queue
@_yes
@with_redis
@as_json
def clear(queue: str, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Delete the jobs that wait in a queue; the queue stays.

    Jobs that run already are not touched.
    """
    with opened(**redis) as there:
        store = _having(there, queue)
        confirm(f"Delete {_jobs(store.size(queue))} of {one_line(queue)}?", yes=yes)
        deleted = store.clear(queue)
    _say({"cleared": deleted, "queue": queue}, f"deleted {_jobs(deleted)} of {one_line(queue)}", in_json)


@click.command()
@_queue
@_yes
@with_redis
@as_json
def remove(queue: str, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Delete a queue, with the jobs that wait in it.

    Jobs that run already are not touched. The next job that is pushed to it makes the queue anew.
    """
    with opened(**redis) as there:
        store = _having(there, queue)
        confirm(f"Delete the queue {one_line(queue)} with {_jobs(store.size(queue))}?", yes=yes)
        deleted = store.remove(queue)
    _say({"removed": deleted, "queue": queue}, f"removed {one_line(queue)} with {_jobs(deleted)}", in_json)


@click.command()
@_queue
@click.argument("to", type=output.name, shell_complete=complete_queue)
@_yes
@with_redis
@as_json
def move(queue: str, to: str, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Move the jobs that wait in QUEUE to the end of the queue TO, in their order.

    Each is in one of the two all the time, and many go step by step, so that Redis keeps serving others. What is pushed
    to QUEUE after the beginning may stay there.
    """
    if to == queue:
        raise click.UsageError("these are one and the same queue")
    with opened(**redis) as there:
        store = _having(there, queue)
        question = f"Move {_jobs(store.size(queue))} of {one_line(queue)} to the end of {one_line(to)}?"
        confirm(question, yes=yes)
        moved = store.move(queue, to)
    said = f"moved {_jobs(moved)} of {one_line(queue)} to {one_line(to)}"
    _say({"moved": moved, "queue": queue, "to": to}, said, in_json)


def _having(there: OpenedStore, queue: str) -> Queues:
    """The queues, where this is one of them: a misspelt name must not look as if it had been done."""
    store = there.store.books.queues
    if queue not in store.names() and not store.size(queue):
        raise NotDone(f"there is no queue {one_line(queue)} in {there.described}")
    return store


def _jobs(count: int) -> str:
    return f"{count:,} job{'' if count == 1 else 's'}"


def _say(facts: dict[str, int | str], line: str, in_json: bool) -> None:
    report(json.dumps({"ok": True, **facts}) if in_json else line)


for _change in (clear, move, remove):
    queues.add_command(_change)
