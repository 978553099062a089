"""resqd failed: look at failures, put their jobs back, delete their records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import click

from resqd import sealing
from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, confirm, one_line, opened, with_redis
from resqd.errors import ResqdError
from resqd.store.resque.failed_job import FailedJob

if TYPE_CHECKING:
    from resqd.store.resque.failed import Failures

_POSITION: Final = re.compile(r"(?:(?P<list>.+):)?(?P<index>-?[0-9]{1,9})", re.DOTALL)
"""What may be a position. An id such as `user:42` looks like one too, but there is no list of that name."""
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
_which = click.argument("failures", type=output.name, nargs=-1, metavar="[ID|POSITION]...")
_place = {"ignore_unknown_options": True}  # so that -1 is a position


@click.group(cls=output.Group)
def failed() -> None:
    """Look at failed jobs, requeue them, delete their records.

    A failure is named by its job's ID or by its POSITION as `list` shows it: 0 is the oldest, -1 the newest.
    """


@failed.command("list")
@click.option("--queue", type=output.name, metavar="NAME", help="Only of this queue.")
@click.option("--class", "job_class", type=output.name, metavar="CLASS", help="Only of this class.")
@click.option(
    "--from", "start", type=click.IntRange(min=0), default=0, show_default=True, help="Skip so many."
)
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def list_(
    queue: str | None, job_class: str | None, start: int, count: int, in_json: bool, **redis: str | None
) -> None:
    """Show failures, the oldest first."""
    with opened(**redis) as there:
        found = there.store.books.failures.each(queue=queue, job_class=job_class)
        shown = [
            failure for number, failure in zip(range(start + count), found, strict=False) if number >= start
        ]
        total = there.store.books.failures.count(queue=queue, job_class=job_class)
    if in_json:
        click.echo(json.dumps([_facts(failure) for failure in shown]))
    elif not shown:
        click.echo("no failures" if not total else f"no failures from number {start} on; there are {total}")
    else:
        _tables().show_failures(shown, total=total)


@failed.command(context_settings=_place)
@click.argument("failure", type=output.name, metavar="ID|POSITION")
@with_redis
@as_json
def show(failure: str, in_json: bool, **redis: str | None) -> None:
    """Show one failure with its arguments, error and backtrace."""
    with opened(**redis) as there:
        found = _find(there.store.books.failures, failure)
    if in_json:
        click.echo(json.dumps(_facts(found)))
        return
    about = _facts(found)
    about["args"] = json.dumps(about["args"], ensure_ascii=False)
    for name in ("job_class", "args", "id", "queue", "failed_at", "retried_at", "generation", "worker"):
        if about[name] is not None:
            click.echo(f"{name.replace('_', ' ').removeprefix('job '):12}{one_line(str(about[name]))}")
    click.echo(f"{'error':12}{one_line(found.exception)}: {one_line(found.error)}")
    for line in found.backtrace:
        click.echo(f"    {one_line(line)}")
    for earlier in reversed(found.attempts):
        text = f"{earlier.get('exception')}: {earlier.get('error')}"
        click.echo(f"{'before':12}{one_line(text)}")


@failed.command(context_settings=_place)
@_which
@click.option("--all", "everything", is_flag=True, help="All that were not requeued yet; their records go.")
@click.option(
    "--queue", type=output.name, metavar="NAME", help="All of this queue that were not requeued yet."
)
@_yes
@with_redis
@as_json
def requeue(
    failures: Sequence[str],
    everything: bool,
    queue: str | None,
    yes: bool,
    in_json: bool,
    **redis: str | None,
) -> None:
    """Put failed jobs back on their queues; asks before it takes many."""
    _only_one_way(failures, everything, queue)
    with opened(**redis) as there:
        store = there.store.books.failures
        if everything or queue is not None:
            count = store.count(queue=queue)
            confirm(f"Requeue {_of(count, queue)}?", yes=yes or not count)
            left: list[str] = []

            def refused(failure: FailedJob, why: str) -> None:
                left.append(
                    f"{one_line(failure.job_class)} {one_line(failure.id or '(no id)')}: {one_line(why)}"
                )

            done = store.requeue_all(refused) if queue is None else store.requeue_queue(queue, refused)
            if in_json:
                report(json.dumps({"ok": True, "requeued": done, **({"refused": left} if left else {})}))
                return
            for line in left:
                report(f"not requeued: {line}")
            _say("requeued", done, in_json)
            return
        _each(failures, store, store.requeue, "requeued", in_json)


@failed.command(context_settings=_place)
@_which
@click.option("--queue", type=output.name, metavar="NAME", help="All of this queue.")
@_yes
@with_redis
@as_json
def remove(failures: Sequence[str], queue: str | None, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Delete failures; their jobs are gone then."""
    _only_one_way(failures, False, queue)
    with opened(**redis) as there:
        store = there.store.books.failures
        if queue is not None:
            count = store.count(queue=queue)
            confirm(f"Delete {_of(count, queue)}?", yes=yes or not count)
            _say("removed", store.remove_queue(queue), in_json)
            return
        confirm(f"Delete {_of(len(failures), None)}?", yes=yes)
        _each(failures, store, store.remove, "removed", in_json)


@failed.command()
@click.option("--retried", is_flag=True, help="Only those that were requeued, as the Ruby fork's page does.")
@_yes
@with_redis
@as_json
def clear(retried: bool, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Delete all failures."""
    with opened(**redis) as there:
        store = there.store.books.failures
        count = store.count()
        question = "Delete those that were requeued?" if retried else f"Delete all of {_of(count, None)}?"
        confirm(question, yes=yes or not count)
        _say("removed", store.clear(everything=not retried), in_json)


def _facts(failure: FailedJob) -> dict[str, Any]:
    """All that a record says, but for what is encrypted."""
    return {**failure.as_dict(), "args": sealing.shown(failure.args)}


def _only_one_way(failures: Sequence[str], everything: bool, queue: str | None) -> None:
    if bool(failures) + everything + (queue is not None) != 1:
        raise click.UsageError("name failures by ID or POSITION, or choose many with an option")


def _find(failures: Failures, text: str) -> FailedJob:
    """The failure that the user means: a position, in `failed` or in LIST:POSITION, or the id of a job."""
    position = _POSITION.fullmatch(text)
    if position is None or (position["list"] and position["list"] not in failures.lists()):
        return failures.find(text)
    return failures.at(int(position["index"]), list_name=position["list"] or "failed")


def _each(
    texts: Sequence[str],
    failures: Failures,
    act: Callable[[FailedJob], FailedJob],
    verb: str,
    in_json: bool,
) -> None:
    """Look all of them up first, since positions move; then do what can be done, and say what could not."""
    chosen = [_find(failures, text) for text in texts]
    problems = []
    for failure in chosen:
        try:
            act(failure)
        except ResqdError as error:
            problems.append(str(error))
            continue
        if not in_json:
            report(f"{verb} {one_line(failure.job_class)} {one_line(failure.id or '(no id)')}")
    done = len(chosen) - len(problems)
    if problems:
        raise NotDone("; ".join([*problems, f"{done} of {len(chosen)} {verb}"]))
    if in_json:
        _say(verb, done, in_json)


def _of(count: int, queue: str | None) -> str:
    return f"{count} failure{'' if count == 1 else 's'}" + (
        f" of {one_line(queue)}" if queue is not None else ""
    )


def _say(verb: str, count: int, in_json: bool) -> None:
    report(json.dumps({"ok": True, verb: count}) if in_json else f"{verb} {count}")


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - rich takes longer to import than all of the rest

    return tables
