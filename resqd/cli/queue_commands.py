"""resqd enqueue, queues, peek, workers and info: what is in Redis, for people and for scripts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from resqd import __version__, sealing
from resqd.app import App
from resqd.cli import output
from resqd.cli.arguments import json_argument
from resqd.cli.loading import load_app
from resqd.cli.output import report
from resqd.cli.program import NotDone, OpenedStore, as_json, one_line, opened, with_redis
from resqd.definition import DEFAULT_QUEUE
from resqd.errors import ResqdError
from resqd.store.cron.crontab import Crontab
from resqd.store.resque import payload as payloads
from resqd.store.resque.payload import Payload

if TYPE_CHECKING:
    from resqd.store.resque.pauses import Note
    from resqd.store.resque.queues import QueueState
    from resqd.store.resque.workers import WorkerStatus


@click.command(context_settings={"ignore_unknown_options": True})  # so that -1 is an argument
@click.argument("job_class", type=output.name, metavar="CLASS")
@click.argument("args", nargs=-1, metavar="[ARG]...")
@click.option(
    "--queue",
    type=output.name,
    metavar="NAME",
    help="The queue; default: the job's own with --app, else 'default'.",
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
def enqueue(
    job_class: str,
    args: Sequence[str],
    queue: str | None,
    application: str | None,
    in_json: bool,
    **redis: str | None,
) -> None:
    """Enqueue a job of CLASS.

    Each ARG is JSON, such as 42, '"text"' or '{"a": [1]}'.
    """
    values = [json_argument(number, text) for number, text in enumerate(args, start=1)]
    app = load_app(application) if application else App()
    job = app.find(job_class) if application else None
    target = queue or (job.queue if job else DEFAULT_QUEUE)
    with opened(**redis, app=application) as there:
        app.configure(redis_url=there.url, namespace=there.namespace, redis_shards=there.shards)
        try:
            job_id = app.enqueue_to(target, job or job_class, *values)
        except TypeError as error:
            raise NotDone(f"the arguments do not fit {job_class}: {error}") from error
        finally:
            app.store.close()
    if job_id is None:
        raise NotDone(f"a before_enqueue hook of {job_class} vetoed it")
    said = {"id": job_id, "class": job_class, "queue": target, "args": values}
    report(json.dumps(said) if in_json else f"{one_line(job_class)} {job_id} is on {one_line(target)}")


@click.group(cls=output.Group, invoke_without_command=True)
@with_redis
@as_json
@click.pass_context
def queues(context: click.Context, /, in_json: bool, **redis: str | None) -> None:
    """Show all queues; or clear, move or remove one.

    How many jobs wait and are in flight, and how long the oldest has waited.
    """
    if context.invoked_subcommand is None:
        _show_queues(in_json, redis)
    elif in_json or any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in redis):
        raise click.UsageError(f"give the options after `{context.invoked_subcommand}`")


def _show_queues(in_json: bool, redis: dict[str, str | None]) -> None:
    with opened(**redis) as there:
        books, now = there.store.books, time.time()
        states = books.overview.queues()
        notes, by_key = books.pauses.notes([state.name for state in states]), books.pauses.by_key()
    shown = [_queue(state, notes.get(state.name), now) for state in states]
    if in_json:
        click.echo(json.dumps(shown))
    elif not states:
        click.echo(f"no queues in {there.described}")
    else:
        _tables().show_queues(shown)
    if by_key:
        click.echo(f"all queues are paused by the key {by_key}", err=in_json)


def _queue(state: QueueState, note: Note | None, now: float) -> dict[str, Any]:
    wait = None if state.oldest is None else round(max(0.0, now - state.oldest), 3)
    facts = {"queue": state.name, "size": state.size, "in_flight": state.in_flight, "oldest_wait_s": wait}
    return {**facts, "paused": None if note is None else {"by": note.by, "at": note.at, "why": note.why}}


def complete_queue(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The names of queues that begin like this, for a shell."""
    try:
        with opened(
            redis_url=context.params.get("redis_url"), namespace=context.params.get("namespace")
        ) as there:
            return [
                CompletionItem(name) for name in there.store.books.queues.names() if name.startswith(begun)
            ]
    except ResqdError:
        return []  # nothing to offer; the command itself will say what is wrong


@click.command()
@click.argument("queue", type=output.name, shell_complete=complete_queue)
@click.option(
    "--from", "start", type=click.IntRange(min=0), default=0, show_default=True, help="Skip so many."
)
@click.option(
    "--count", type=click.IntRange(min=1), default=10, show_default=True, help="Show at most so many."
)
@with_redis
@as_json
def peek(queue: str, start: int, count: int, in_json: bool, **redis: str | None) -> None:
    """Show a queue's oldest jobs.

    Those that wait in QUEUE longest; they are left there.
    """
    with opened(**redis) as there:
        jobs = [payloads.decode_or_explain(raw) for raw in there.store.books.queues.peek(queue, start, count)]
    shown = [_job(position, job) for position, job in enumerate(jobs, start)]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo(f"no jobs in {one_line(queue)}" + (f" from position {start} on" if start else ""))
    else:
        _tables().show_jobs(shown, now=time.time())


def _job(position: int, job: Payload) -> dict[str, Any]:
    return {
        "position": position,
        "class": job.job_class,
        "args": sealing.shown(job.args),
        "id": job.id,
        "generation": job.generation,
        "deliveries": job.deliveries,
        "enqueued_at": payloads.believed(job.enqueued_at),
    }


@click.command()
@with_redis
@as_json
def workers(in_json: bool, **redis: str | None) -> None:
    """Show the workers of all hosts.

    Those that are registered, Ruby's as well, and what they run.
    """
    with opened(**redis) as there:
        shown = [_worker(worker) for worker in there.store.books.workers.all()]
    if in_json:
        click.echo(json.dumps(shown))
    elif not shown:
        click.echo(f"no workers are registered in {there.described}")
    else:
        _tables().show_workers(shown)


def _worker(worker: WorkerStatus) -> dict[str, Any]:
    known = worker.id
    running = [
        {
            "pid": thread.pid,
            "thread": thread.thread,
            "queue": thread.queue,
            "run_at": thread.run_at,
            "class": thread.payload.get("class"),
            "id": thread.payload.get("id"),
            "progress": thread.progress
            and dict(zip(("done", "total", "note"), thread.progress, strict=True)),
        }
        for thread in worker.threads_working()
    ]
    return {
        "id": known.text,
        "host": known.host,
        "pid": known.pid,
        "queues": list(known.queues),
        "workers": known.worker_count,
        "threads": known.thread_count,
        "jobs_per_fork": known.jobs_per_fork,
        "resqd": worker.ours,
        "started": worker.started,
        "heartbeat": worker.heartbeat,
        "running": running,
    }


@click.command()
@with_redis
@as_json
def info(in_json: bool, **redis: str | None) -> None:
    """Show Resque's overview.

    Jobs waiting, in flight, to run later, processed and failed, queues and workers.
    """
    with opened(**redis) as there:
        shown = _overview(there)
    click.echo(
        json.dumps(shown)
        if in_json
        else "\n".join(f"{name.replace('_', ' '):14}{one_line(str(value))}" for name, value in shown.items())
    )


def _overview(there: OpenedStore) -> dict[str, Any]:
    store = there.store
    counts = {
        **store.books.info(),
        "in_flight": sum(store.books.overview.in_flight().values()),
        "suspects": store.books.overview.suspects(),
        "failures_kept": store.books.failures.count(),
        "later": store.on_later(lambda later: later.count()),
        "cron_entries": len(store.open(Crontab).entries()),
        **{name: store.books.stats.get(name) for name in ("retried", "discarded", "expired", "timeout")},
    }
    return {**counts, "namespace": there.namespace, "redis": there.described, "version": __version__}


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - rich takes longer to import than all of the rest

    return tables
