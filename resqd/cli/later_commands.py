"""resqd later: look at jobs that are to run later, run them now, move them, take them away."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from types import ModuleType
from typing import Any, TypeVar

import click

from resqd import sealing
from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, OpenedStore, as_json, confirm, one_line, opened, with_redis
from resqd.parsing import duration
from resqd.store.later.later import CHUNK, Later, Waiting, When
from resqd.store.resque.payload import decode_or_explain

T = TypeVar("T")

_class = click.option(
    "--class", "job_class", type=output.name, metavar="CLASS", help="Only jobs of this class."
)
_queue = click.option("--queue", type=output.name, metavar="NAME", help="Only jobs for this queue.")


@click.group()
def later() -> None:
    """Look at jobs that are to run later; run them now, move them, cancel them.

    A job is named by its TICKET as `list` shows it, which is its id.
    """


@later.command("list")
@_queue
@_class
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def list_(queue: str | None, job_class: str | None, count: int, in_json: bool, **redis: str | None) -> None:
    """Show jobs that are to run later, the first due first."""
    with opened(**redis) as there:
        shown = _on(there, lambda place: list(islice(_chosen(place, queue, job_class), count)))
        total = _on(there, lambda place: place.count())
    if in_json:
        click.echo(json.dumps([_facts(job) for job in shown]))
    elif not shown:
        click.echo("no such job is to run later" if total else "nothing is to run later")
    else:
        _tables().show_later([_facts(job) for job in shown], total=total, now=time.time())


@later.command()
@click.argument("ticket", type=output.name, metavar="TICKET")
@with_redis
@as_json
def show(ticket: str, in_json: bool, **redis: str | None) -> None:
    """Show one job with all its arguments."""
    with opened(**redis) as there:
        job = _on(there, lambda place: place.get(ticket))
    if job is None:
        raise NotDone(f"no job {ticket} is to run later")
    facts = _facts(job)
    if in_json:
        click.echo(json.dumps(facts))
        return
    facts["args"] = json.dumps(facts["args"], ensure_ascii=False)
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name:12}{one_line(str(value))}")


@dataclass(frozen=True, slots=True)
class _Wish:
    """Which jobs a command is for, and how it is to answer."""

    tickets: Sequence[str]
    queue: str | None
    job_class: str | None
    everything: bool
    yes: bool
    in_json: bool
    redis: dict[str, str | None]

    @property
    def many(self) -> bool:
        """Whether they are chosen by what they are. Errors: UsageError, where it is both or neither."""
        many = self.everything or self.queue is not None or self.job_class is not None
        if bool(self.tickets) == many:
            raise click.UsageError("name jobs by their tickets, or give --queue, --class or --all")
        return many


def _acting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what says which jobs it is for, as one `_Wish`."""

    @click.argument("tickets", type=output.name, nargs=-1, metavar="[TICKET]...")
    @_queue
    @_class
    @click.option("--all", "everything", is_flag=True, help="All of them.")
    @click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
    @with_redis
    @as_json
    @functools.wraps(command)
    def collected(**given: Any) -> None:
        redis = {name: given.pop(name) for name in ("redis_url", "namespace")}
        names = ("tickets", "queue", "job_class", "everything", "yes", "in_json")
        wish = _Wish(**{name: given.pop(name) for name in names}, redis=redis)
        command(wish, **given)

    return collected


@later.command()
@_acting
def cancel(wish: _Wish) -> None:
    """Take jobs away; they will not run. Asks before it takes many."""
    _act(wish, "cancel", lambda place, tickets: place.cancel(tickets))


@later.command()
@_acting
def run(wish: _Wish) -> None:
    """Let jobs run now: they go to the fronts of their queues."""
    _act(wish, "run", lambda place, tickets: place.run_now(tickets))


@later.command()
@click.option("--in", "delay", metavar="DURATION", help="So long from now on, such as 90, 15m, 2h or 1d.")
@click.option("--at", "moment", metavar="TIME", help="At this time, such as 2030-01-31T12:00:00+01:00.")
@_acting
def move(wish: _Wish, delay: str | None, moment: str | None) -> None:
    """Let jobs be due at another moment."""
    when = _when(delay, moment)
    _act(wish, "move", lambda place, tickets: place.move(tickets, when))


def _act(wish: _Wish, word: str, act: Callable[[Later, Sequence[str]], int]) -> None:
    """Do it to the jobs that are named, or to all that match; raises NotDone where one that is named is not there."""
    many = wish.many
    with opened(**wish.redis) as there:
        if many:
            count = _on(there, lambda place: sum(1 for _ in _chosen(place, wish.queue, wish.job_class)))
            confirm(f"{word.capitalize()} {count} jobs?", yes=wish.yes or not count)
            done = _on(there, lambda place: _in_chunks(place, act, wish))
        else:
            done = _on(there, lambda place: act(place, wish.tickets))
    if wish.in_json:
        click.echo(json.dumps({"done": done}))
    else:
        report(f"{_PAST[word]} {done} job{'' if done == 1 else 's'}")
    missed = 0 if many else len(set(wish.tickets)) - done
    if missed > 0:
        raise NotDone(f"{missed} of these jobs are not to run later, or stay as they were")


_PAST = {"cancel": "cancelled", "run": "put on their queues:", "move": "moved"}


def _in_chunks(place: Later, act: Callable[[Later, Sequence[str]], int], wish: _Wish) -> int:
    done, chosen = 0, [job.ticket for job in _chosen(place, wish.queue, wish.job_class)]
    for start in range(0, len(chosen), CHUNK):
        done += act(place, chosen[start : start + CHUNK])
    return done


def _chosen(place: Later, queue: str | None, job_class: str | None) -> Iterator[Waiting]:
    for job in place.all():
        if queue in (None, job.queue) and (
            job_class is None or decode_or_explain(job.raw).job_class == job_class
        ):
            yield job


def _facts(job: Waiting) -> dict[str, Any]:
    payload = decode_or_explain(job.raw)
    return {
        "ticket": job.ticket,
        "due": datetime.fromtimestamp(job.due, UTC).isoformat(timespec="milliseconds"),
        "queue": job.queue,
        "class": payload.job_class,
        "args": sealing.shown(payload.args),
        "id": payload.id,
    }


def _when(delay: str | None, moment: str | None) -> When:
    if (delay is None) == (moment is None):
        raise click.UsageError("give --in or --at")
    if delay is not None:
        try:
            return When.after(duration(delay))
        except ValueError as error:
            raise click.UsageError(f"--in {one_line(delay)}: {error}") from None
    try:
        at = datetime.fromisoformat(moment or "")
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise click.UsageError(
            f"--at {one_line(moment or '')}: give a date and time with its offset, such as 2030-01-31T12:00:00+01:00"
        )
    return When.at(at.timestamp())


def _on(there: OpenedStore, use: Callable[[Later], T]) -> T:
    return there.store.on_later(use)


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
