"""resqd cron: jobs that recur; what is in the timetable, and what is changed there while daemons run."""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Final

import click

from resqd.cli import output
from resqd.cli.arguments import json_argument
from resqd.cli.loading import load_app
from resqd.cli.output import report
from resqd.cli.program import NotDone, OpenedStore, as_json, one_line, opened, with_redis
from resqd.cron.entry import MISFIRES, Entry
from resqd.cron.schedule import from_text
from resqd.definition import DEFAULT_QUEUE
from resqd.errors import PayloadError
from resqd.store.cron.crontab import Crontab, Listed
from resqd.store.resque import encoding

_MOST_TIMES: Final = 10_000
_name = click.argument("name", type=output.name)


@click.group()
def cron() -> None:
    """Jobs that recur: show them, add, pause and run them.

    An entry of an application's code comes and goes with it; one that is added here stays until it is removed.
    """


def _crontab(there: OpenedStore) -> Crontab:
    return there.store.open(Crontab)


@cron.command("list")
@with_redis
@as_json
def list_(in_json: bool, **redis: str | None) -> None:
    """Show all entries, and when each is due next."""
    with opened(**redis) as there:
        entries = _crontab(there).entries()
    shown = [_entry(each) for each in entries]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo(f"no cron entries in {there.described}")
    else:
        _tables().show_cron(shown, now=time.time())


def _entry(listed: Listed) -> dict[str, Any]:
    entry, state = listed.entry, listed.state
    facts: dict[str, Any] = {"name": listed.name, "trouble": listed.trouble or None}
    if entry is not None:
        facts |= {
            "schedule": str(entry.schedule),
            "class": entry.job_class,
            "args": list(entry.args),
            "queue": entry.queue,
            "misfire": entry.misfire,
            "app": entry.app,
        }
    return {
        **facts,
        "declared": listed.declared,
        "next": state.next,
        "paused": None if state.paused is None else {"by": state.paused.by, "at": state.paused.at},
        "runs": [{"due": run.due, "at": run.at} for run in state.runs],
    }


@cron.command("next")
@click.argument("name", type=output.name, required=False)
@click.option(
    "--count", type=click.IntRange(1, _MOST_TIMES), default=10, show_default=True, help="Show so many times."
)
@with_redis
@as_json
def next_(name: str | None, count: int, in_json: bool, **redis: str | None) -> None:
    """Show the next times, of all entries or of NAME."""
    with opened(**redis) as there:
        times = _crontab(there).upcoming(count, name)
    if in_json:
        click.echo(json.dumps([{"at": at, "time": _utc(at), "name": each} for at, each in times]))
    elif not times:
        click.echo("nothing is due: there are no entries that are not paused")
    else:
        for at, each in times:
            click.echo(f"{_utc(at)}  {one_line(each)}")


@cron.command(context_settings={"ignore_unknown_options": True})  # so that -1 is an argument
@_name
@click.argument("schedule", type=output.name)
@click.argument("job_class", type=output.name, metavar="CLASS")
@click.argument("args", nargs=-1, metavar="[ARG]...")
@click.option("--tz", default="UTC", show_default=True, metavar="ZONE", help="The expression's time zone.")
@click.option(
    "--offset", default="0", metavar="DURATION", help="How much later than each multiple of the period."
)
@click.option(
    "--queue",
    type=output.name,
    metavar="NAME",
    help="The queue; default: the job's with --app, else 'default'.",
)
@click.option(
    "--misfire",
    type=click.Choice(MISFIRES),
    default="once",
    show_default=True,
    help="What to do about missed times.",
)
@click.option(
    "--app",
    "application",
    metavar="MODULE:ATTR",
    envvar="RESQD_APP",
    help="Check class and arguments against this App's jobs. [RESQD_APP]",
)
@with_redis
@as_json
def add(  # noqa: PLR0917 - click gives them by name
    name: str,
    schedule: str,
    job_class: str,
    args: Sequence[str],
    tz: str,
    offset: str,
    queue: str | None,
    misfire: str,
    application: str | None,
    in_json: bool,
    **redis: str | None,
) -> None:
    """Add an entry NAME, or replace one that was added so.

    SCHEDULE is a cron expression such as '0 3 * * *', or 'every 15m'; each ARG is JSON.
    """
    values = [json_argument(number, text) for number, text in enumerate(args, start=1)]
    if application:
        job = load_app(application).find(job_class)
        values, queue = _bound(job, values), queue or job.queue
    entry = _made(name, schedule, tz=tz, offset=offset, misfire=misfire, job=(job_class, queue, values))
    with opened(**redis, app=application) as there:
        state = _crontab(there).add(entry)
    due = None if state.next is None else _utc(state.next)
    said = {"name": name, "schedule": str(entry.schedule), "next": state.next}
    report(
        json.dumps(said) if in_json else f"{one_line(name)} is due next at {due or 'no time: it is paused'}"
    )


def _bound(job: Any, values: list[Any]) -> list[Any]:
    try:
        return list(job.bind(values, {}))
    except TypeError as error:
        raise NotDone(f"the arguments do not fit {job.name}: {error}") from error


def _made(
    name: str,
    schedule: str,
    *,
    tz: str,
    offset: str,
    misfire: str,
    job: tuple[str, str | None, list[Any]],
) -> Entry:
    job_class, queue, values = job
    try:
        encoding.encode(job_class, values, id=name)
        return Entry(
            name, from_text(schedule, tz, offset), job_class, queue or DEFAULT_QUEUE, tuple(values), misfire
        )
    except (ValueError, PayloadError) as error:
        raise click.UsageError(str(error)) from None


@cron.command()
@_name
@with_redis
@as_json
def remove(name: str, in_json: bool, **redis: str | None) -> None:
    """Remove an entry that no living daemon declares."""
    with opened(**redis) as there:
        _crontab(there).remove(name)
    report(json.dumps({"name": name, "removed": True}) if in_json else f"{one_line(name)} is removed")


@cron.command()
@_name
@with_redis
@as_json
def pause(name: str, in_json: bool, **redis: str | None) -> None:
    """Let an entry not be due until it is resumed."""
    with opened(**redis) as there:
        _crontab(there).pause(name, by=_whoami())
    report(json.dumps({"name": name, "paused": True}) if in_json else f"{one_line(name)} is paused")


@cron.command()
@_name
@with_redis
@as_json
def resume(name: str, in_json: bool, **redis: str | None) -> None:
    """Let an entry be due again, from now on."""
    with opened(**redis) as there:
        _crontab(there).resume(name)
    report(json.dumps({"name": name, "paused": False}) if in_json else f"{one_line(name)} goes on")


@cron.command()
@_name
@with_redis
@as_json
def run(name: str, in_json: bool, **redis: str | None) -> None:
    """Enqueue an entry's job now, beside its times."""
    with opened(**redis) as there:
        job_id = _crontab(there).run(name)
    report(json.dumps({"name": name, "id": job_id}) if in_json else f"enqueued {one_line(job_id)}")


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - rich takes longer to import than all of the rest

    return tables
