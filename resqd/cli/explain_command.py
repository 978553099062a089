"""resqd explain: why a job, or a queue's jobs, do not run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import click

from resqd.cli import output
from resqd.cli.client import CallError, Client, candidates
from resqd.cli.program import NOT_DONE, as_json, one_line, opened, with_redis
from resqd.explain.facts import Facts
from resqd.explain.reasons import JobFacts, Reason, of_job, of_queue

_PATIENCE = 2.0
"""Seconds that the daemon of this host may take to say how it is; without it, that is left out."""


@click.command()
@click.argument("name", type=output.name, metavar="QUEUE|JOB_ID")
@click.option("--daemon", default="resqd", metavar="NAME", help="This host's daemon; default resqd.")
@with_redis
@as_json
@click.pass_context
def explain(context: click.Context, /, name: str, daemon: str, in_json: bool, **redis: str | None) -> None:
    """Say why a job, or the jobs of a queue, do not run, and what to do.

    Exits with 1 where something keeps them from running.
    """
    with opened(**redis) as there:
        facts = Facts(there.store, here=_status(daemon), now=time.time)
        if name in there.store.books.queues.names():
            reasons = of_queue(facts.of_queue(name))
        else:
            reasons = of_job(facts.of_job(name) or JobFacts(name))
    if in_json:
        click.echo(json.dumps([_facts(reason) for reason in reasons]))
    for reason in () if in_json else reasons:
        click.echo(one_line(reason.says))
        if reason.remedy:
            click.echo(f"    {one_line(reason.remedy)}")
    if any(reason.stops for reason in reasons):
        context.exit(NOT_DONE)


def _facts(reason: Reason) -> dict[str, Any]:
    return {"reason": reason.name, "says": reason.says, "remedy": reason.remedy, "stops": reason.stops}


def _status(daemon: str) -> Mapping[str, Any] | None:
    """How the daemon of this host is; None where it does not answer."""
    try:
        return Client(candidates(daemon, os.environ)).call("status", timeout=_PATIENCE)
    except CallError:
        return None
