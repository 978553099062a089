"""resqd unique: look at the locks of unique jobs, and release those of jobs that are no more."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import click

from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, one_line, opened, with_redis
from resqd.store.unique.locks import Lock


@click.group(cls=output.Group)
def unique() -> None:
    """Look at the locks of unique jobs, and release them.

    A lock goes with its job. What resqd could not see go, as a list that was deleted, is found within two hours.
    """


@unique.command("list")
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def list_(count: int, in_json: bool, **redis: str | None) -> None:
    """Show locks, the oldest first: the job that holds each, and since when."""
    with opened(**redis) as there:
        locks = there.store.locks.all()
    shown = [_facts(lock) for lock in locks[:count]]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo("no job holds a lock")
    else:
        _tables().show_locks(shown, total=len(locks), now=time.time())


@unique.command()
@click.argument("names", type=output.name, nargs=-1, required=True, metavar="ID|FINGERPRINT...")
@with_redis
@as_json
def release(names: Sequence[str], in_json: bool, **redis: str | None) -> None:
    """Release locks, by the IDs of the jobs that hold them, or by FINGERPRINT.

    The job itself stays where it is, and another one like it may be enqueued.
    """
    with opened(**redis) as there:
        released = there.store.locks.release(names)
    if not released:
        raise NotDone(f"{', '.join(map(one_line, names))}: no such lock")
    report(json.dumps({"ok": True, "released": released}) if in_json else f"released {released}")


def _facts(lock: Lock) -> dict[str, Any]:
    return {
        "fingerprint": lock.fingerprint,
        "id": lock.ticket or None,
        "since": _time(lock.since),
        "until": _time(lock.until),
    }


def _time(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
