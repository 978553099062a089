"""resqd pause-queue and resume-queue: one queue for all hosts, while resqctl pauses one daemon."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, one_line, opened, with_redis
from resqd.cli.queue_commands import complete_queue
from resqd.store.resque.pauses import Note, me


@click.command("pause-queue")
@click.argument("queue", type=output.name, shell_complete=complete_queue)
@click.option("--why", metavar="TEXT", help="A reason, for whoever looks at the queues.")
@click.option("--by", metavar="TEXT", help="Who does it, in place of your user and host.")
@with_redis
@as_json
def pause_queue(queue: str, why: str | None, by: str | None, in_json: bool, **redis: str | None) -> None:
    """Take no more jobs from QUEUE.

    Every daemon on any host stops taking its jobs within a second, and so do Ruby workers with resque-pause; jobs that
    run go on. Producers may go on as well.
    """
    note = Note(by=by or me(), at=round(time.time(), 3), why=why)
    with opened(**redis) as there:
        fresh = there.store.books.pauses.pause(queue, note)
        held = there.store.books.overview.in_flight().get(queue, 0)
        known = note if fresh else there.store.books.pauses.notes([queue]).get(queue, Note())
    if not fresh:
        raise NotDone(f"{one_line(queue)} is paused already{one_line(said_of(known))}")
    report(
        json.dumps({"queue": queue, "paused": note_facts(note), "in_flight": held})
        if in_json
        else f"{one_line(queue)} is paused; {held} of its jobs are in flight"
    )


@click.command("resume-queue")
@click.argument("queue", type=output.name, shell_complete=complete_queue)
@with_redis
@as_json
def resume_queue(queue: str, in_json: bool, **redis: str | None) -> None:
    """Take jobs from QUEUE again."""
    with opened(**redis) as there:
        note = there.store.books.pauses.resume(queue)
        by_key = there.store.books.pauses.by_key()
    if note is None:
        raise NotDone(f"{one_line(queue)} was not paused")
    still = f"; but the key {by_key} pauses all queues" if by_key else ""
    report(
        json.dumps({"queue": queue, "was_paused": note_facts(note), "all_paused_by": by_key or None})
        if in_json
        else f"{one_line(queue)} is resumed; it was paused{one_line(said_of(note))}{still}"
    )


def note_facts(note: Note) -> dict[str, Any]:
    """A note as JSON shows it."""
    return {"by": note.by, "at": note.at, "why": note.why}


def said_of(note: Note) -> str:
    """Who, when and why, as far as it is told, to stand after `paused`."""
    who = f" by {note.by}" if note.by else ""
    when = "" if note.at is None else f" since {_clock(note.at)}"
    return f"{who}{when}{f': {note.why}' if note.why else ''}"


def _clock(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
    except (OverflowError, ValueError, OSError):  # whatever somebody wrote there
        return f"{at:g}"
