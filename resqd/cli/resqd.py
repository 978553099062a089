"""The `resqd` command: starts the daemon, and shows and changes what is in Redis."""

from __future__ import annotations

import json
import platform
from typing import Final

import click

from resqd import __version__
from resqd.cli.lazy import Commands
from resqd.cli.output import add_completion
from resqd.cli.program import Program, as_json

_PLACES: Final = {
    "start": "daemon_commands:start",
    "check": "daemon_commands:check",
    "enqueue": "queue_commands:enqueue",
    "queues": "queue_changes:queues",
    "peek": "queue_commands:peek",
    "pause-queue": "pause_commands:pause_queue",
    "resume-queue": "pause_commands:resume_queue",
    "later": "later_commands:later",
    "retries": "retry_commands:retries",
    "unique": "unique_commands:unique",
    "limits": "limit_commands:limits",
    "batches": "batch_commands:batches",
    "workflows": "batch_commands:workflows",
    "cron": "cron_commands:cron",
    "outbox": "outbox_command:outbox",
    "failed": "failed_commands:failed",
    "scheduler": "scheduler_commands:scheduler",
    "shards": "shard_commands:shards",
    "workers": "queue_commands:workers",
    "top": "top_command:top",
    "info": "queue_commands:info",
    "explain": "explain_command:explain",
    "autoscale-hint": "history_commands:autoscale_hint",
    "grafana": "history_commands:grafana",
    "web": "web_command:web",
}
"""Where each command lies, below resqd.cli."""


@click.group(
    "resqd",
    cls=Program,
    commands=Commands({name: f"resqd.cli.{place}" for name, place in _PLACES.items()}),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="resqd")
def main() -> None:
    """A job daemon that speaks Resque's wire format; resqctl steers it while it runs.

    Exit status: 0 done, 1 not done, 2 wrong usage, 3 Redis cannot be reached or refuses, 78 wrong settings.
    """


@main.command()
@as_json
def version(in_json: bool) -> None:
    """Show the versions of resqd and Python."""
    facts = {"resqd": __version__, "python": platform.python_version()}
    click.echo(json.dumps(facts) if in_json else ", ".join(f"{name} {text}" for name, text in facts.items()))


add_completion(main)


if __name__ == "__main__":
    main()
