"""resqd autoscale-hint and resqd grafana: for programs that watch and scale a fleet."""

from __future__ import annotations

import json
from importlib.resources import files

import click

from resqd.cli import output
from resqd.cli.autoscale import Bounds, load_of, wanted
from resqd.cli.program import NotDone, as_json, opened, with_redis
from resqd.store.history.reader import History
from resqd.store.history.spans import MINUTE, start

_MINUTES = 5
"""Of the history, that the hint looks at."""


@click.command("autoscale-hint")
@click.option("--goal", type=output.seconds, default=10.0, show_default=True, metavar="SECONDS",
              help="How long a job may wait.")  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Job threads in each worker."
)
@click.option(
    "--min", "least", type=click.IntRange(0), default=1, show_default=True, help="The fewest workers."
)
@click.option(
    "--max", "most", type=click.IntRange(1), default=1024, show_default=True, help="The most workers."
)
@with_redis
@as_json
def autoscale_hint(
    goal: float, threads: int, least: int, most: int, in_json: bool, **redis: str | None
) -> None:
    """Print how many workers are wanted, for all queues and hosts together.

    From what came in the last five minutes, how long it ran, and what waits now. Needs RESQD_HISTORY=on.
    """
    if goal <= 0:
        raise click.BadParameter("give a time above 0", param_hint="--goal")
    with opened(**redis) as there:
        books = there.store.books
        until = (
            start(books.workers.now(), MINUTE) - MINUTE
        )  # the minute that ended last may not be merged yet
        history = there.store.open(History)
        points = history.points(span=MINUTE, since=until - _MINUTES * MINUTE, until=until)
        waiting = sum(books.queues.sizes().values())
    load = load_of(points, waiting)
    if load.run is None and waiting and all(point.row.blank for point in points):
        raise NotDone("nothing is known of the last minutes; daemons with RESQD_HISTORY=on write it down")
    number = wanted(load, Bounds(threads, goal, least, max(least, most)))
    facts = {"workers": number, "arrivals_per_second": round(load.arrivals, 3), "waiting": waiting,
             "run_seconds": None if load.run is None else round(load.run, 6)}  # fmt: skip
    click.echo(json.dumps(facts) if in_json else number)


@click.command()
def grafana() -> None:
    """Print a dashboard for Grafana, as JSON to import.

    It draws what Prometheus reads from daemons with RESQD_HTTP.
    """
    click.echo(files("resqd.cli").joinpath("grafana.json").read_text("utf-8"), nl=False)
