"""resqctl top: one daemon's threads, live."""

from __future__ import annotations

import json
from types import ModuleType

import click

from resqd.cli.client import Session, as_json
from resqd.cli.output import live


@click.command()
@live
@as_json
@click.pass_obj
def top(session: Session, interval: float, once: bool) -> None:
    """Show the daemon's threads live, like top.

    Keys sort, filter, kill a job and pause the daemon; ? lists them.
    """
    if session.json:
        click.echo(json.dumps(session.status()))
        return
    daemon, sitting = _room()
    sitting.show(daemon.Daemon(session), interval=interval, once=once)


def _room() -> tuple[ModuleType, ModuleType]:
    from resqd.cli.top import daemon, sitting  # noqa: PLC0415 - rich takes longer to import than all of resqctl

    return daemon, sitting
