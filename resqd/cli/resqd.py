"""The `resqd` command: starts the daemon, and shows and changes what is in Redis."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

import click

from resqd import __version__
from resqd.cli.batch_commands import batches, workflows
from resqd.cli.boot import boot
from resqd.cli.cron_commands import cron
from resqd.cli.explain_command import explain
from resqd.cli.failed_commands import failed
from resqd.cli.history_commands import autoscale_hint, grafana
from resqd.cli.later_commands import later
from resqd.cli.limit_commands import limits
from resqd.cli.loading import load_app, refuse_empty, refuse_green_threads
from resqd.cli.outbox_command import outbox
from resqd.cli.output import add_completion
from resqd.cli.pause_commands import pause_queue, resume_queue
from resqd.cli.program import NotDone, Program, as_json, with_flags
from resqd.cli.queue_changes import clear, move, remove
from resqd.cli.queue_commands import enqueue, info, peek, queues, workers
from resqd.cli.retry_commands import retries
from resqd.cli.scheduler_commands import scheduler
from resqd.cli.shard_commands import shards
from resqd.cli.top_command import top
from resqd.cli.unique_commands import unique
from resqd.cli.web_command import web
from resqd.errors import AppLoadError
from resqd.master import handover
from resqd.settings import Settings


@click.group("resqd", cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="resqd")
def main() -> None:
    """A job daemon that speaks Resque's wire format; resqctl steers it while it runs.

    Exit status: 0 done, 1 not done, 2 wrong usage, 3 Redis cannot be reached or refuses, 78 wrong settings.
    """


@main.command()
@with_flags()
@click.option(
    "--burst", is_flag=True, help="run until the queues are empty, then exit (the same as INTERVAL=0)"
)
def start(burst: bool, **flags: Any) -> None:
    """Run the daemon in the foreground."""
    if burst:
        flags["interval"] = "0"
    sys.exit(boot(Settings.load(os.environ, flags)))


@main.command()
@click.option("--app", "application", metavar="MODULE:ATTR", envvar="RESQD_APP", required=True)
@as_json
def check(application: str, in_json: bool) -> None:
    """Import the application, and exit.

    With 0 when that works, with 1 when it has no job, else with 78; one line says why.
    """
    handover.refuse_other(os.environ)
    app = load_app(application)
    refuse_green_threads(application)
    try:
        refuse_empty(app, application)
    except AppLoadError as error:
        raise NotDone(str(error)) from error
    facts = {"app": application, "jobs": len(app.jobs)}
    click.echo(json.dumps(facts) if in_json else f"{application}: {len(app.jobs)} jobs")


@main.command()
@as_json
def version(in_json: bool) -> None:
    """Show the versions of resqd and Python."""
    facts = {"resqd": __version__, "python": platform.python_version()}
    click.echo(json.dumps(facts) if in_json else ", ".join(f"{name} {text}" for name, text in facts.items()))


for command in (
    enqueue,
    queues,
    peek,
    pause_queue,
    resume_queue,
    later,
    retries,
    unique,
    limits,
    batches,
    workflows,
    cron,
    outbox,
    failed,
    scheduler,
    shards,
    workers,
    top,
    info,
    explain,
    autoscale_hint,
    grafana,
    web,
):
    main.add_command(command)
for command in (clear, move, remove):
    queues.add_command(command)
add_completion(main)


if __name__ == "__main__":
    main()
