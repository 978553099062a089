"""`resqd start` and `resqd check`: what imports the application."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from resqd.cli.boot import boot
from resqd.cli.loading import load_app, refuse_empty, refuse_green_threads
from resqd.cli.program import NotDone, as_json, with_flags
from resqd.errors import AppLoadError
from resqd.master import handover
from resqd.settings import Settings


@click.command()
@with_flags()
@click.option(
    "--burst", is_flag=True, help="run until the queues are empty, then exit (the same as INTERVAL=0)"
)
def start(burst: bool, **flags: Any) -> None:
    """Run the daemon in the foreground."""
    if burst:
        flags["interval"] = "0"
    sys.exit(boot(Settings.load(os.environ, flags)))


@click.command()
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
