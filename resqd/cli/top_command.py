"""resqd top: the threads of all hosts, live."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import click

from resqd.app import App
from resqd.cli.output import live
from resqd.cli.program import as_json, opened, setting_of, with_redis


@click.command()
@live
@with_redis
@as_json
def top(interval: float, once: bool, in_json: bool, **redis: str | None) -> None:
    """Show the threads of all hosts live, Ruby's workers as well.

    Keys sort, filter, kill a job, and pause the daemon of the chosen line; ? lists them. Where RESQD_SECRET is
    set, what daemons are asked is signed with it.
    """
    with opened(**redis) as there:
        app = App()
        app.configure(redis_url=there.url, namespace=there.namespace, redis_shards=there.shards)
        fleet, sitting = _room()
        source = fleet.Fleet(app, secret=setting_of("secret", None))
        if in_json:
            click.echo(json.dumps(shown(source.look())))
        else:
            sitting.show(source, interval=interval, once=once)


def shown(look: Any) -> dict[str, Any]:
    """A look as JSON has it."""
    titles = [column.title for column in look.columns]
    lines = [dict(zip(titles, line.cells, strict=True)) for line in look.lines]
    return {"head": [remark.text for remark in look.head], "threads": lines}


def _room() -> tuple[ModuleType, ModuleType]:
    from resqd.cli.top import fleet, sitting  # noqa: PLC0415 - rich takes longer to import than all of the rest

    return fleet, sitting
