"""The benchmark's program, which bin/bench starts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from tests.bench import plot, report
from tests.bench.bench import Bench
from tests.bench.peers.environment import versions
from tests.bench.place import opened
from tests.bench.results import Results, environment
from tests.bench.runner import run
from tests.bench.scale import FULL, QUICK, Scale
from tests.bench.table import PEERS, Measure, chosen

_NARROWEST = 120
"""Columns; where a terminal has fewer, or there is none, lines are long rather than broken."""


def main(arguments: list[str] | None = None) -> int:
    """0 where everything that was asked for could be measured, whatever the figures are."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        measures = chosen(asked.only, peers=asked.peers)
    except ValueError as error:
        parser.error(str(error))
    if asked.source:
        results = Results.from_json(json.loads(asked.source.read_text()))
    else:
        results = measured(measures, QUICK if asked.quick else FULL)
    _show(results, asked)
    return 1 if results.problems else 0


def measured(measures: list[Measure], scale: Scale) -> Results:
    """Run the measures; what they do is said on stderr. Peers get a private server, whose databases they may fill."""
    results = Results({})
    with Console(stderr=True).status("starting") as status:
        ours = [measure for measure in measures if measure is not PEERS]
        for group, environ in ((ours, os.environ), ([PEERS] if PEERS in measures else [], {})):
            if not group:
                continue
            with opened(environ) as place:
                results.environment = environment(place, scale.name) | results.environment
                run(Bench(place, scale), group, results, lambda name: status.update(f"measuring {name}"))
    if PEERS in measures:
        results.environment["peers"] = versions()
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Measure resqd on its embedded server, or in a namespace of its own on REDIS_URL.",
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="smaller, in less than a minute; the figures vary more")
    add("--only", nargs="+", default=[], metavar="NAME", help="only these measures, or those with these rows")
    add(
        "--peers",
        action="store_true",
        help="measure RQ, Celery, Dramatiq and Huey, too, which are installed first; also Sidekiq and Resque, where "
        "ruby finds them",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    add(
        "--plot",
        type=Path,
        metavar="FILE.svg",
        help="draw throughput against threads, workers, depth, queues",
    )
    add("--readme", action="store_true", help="print the table in Markdown, as the README has it")
    add("--from", dest="source", type=Path, metavar="FILE", help="show the figures in this JSON; run nothing")
    return parser


def _show(results: Results, asked: argparse.Namespace) -> None:
    console = Console()
    console.width = max(console.width, _NARROWEST)
    if asked.readme:
        sys.stdout.write(report.markdown(results))
    else:
        for table in report.tables(results):
            console.print(table)
    for name, said in [*results.notes.items(), *results.problems.items()]:
        Console(stderr=True).print(f"{name}: {said}", markup=False)
    if asked.json:
        asked.json.write_text(json.dumps(results.to_json(), indent=1) + "\n")
    if asked.plot:
        asked.plot.write_text(plot.svg(results))


if __name__ == "__main__":
    sys.exit(main())
