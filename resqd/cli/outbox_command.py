"""resqd outbox: moves the jobs of an application's outboxes to Redis, where no daemon does."""

from __future__ import annotations

import json
import random
import signal
import threading

import click

from resqd import log
from resqd.application.parts import parts_of
from resqd.application.relaying import Relaying
from resqd.cli.loading import load_app
from resqd.cli.output import report
from resqd.cli.program import NotDone, as_json, opened, setting_of, with_redis
from resqd.clock import monotonic
from resqd.errors import StoreError
from resqd.store.redis.health import Backoff
from resqd.store.relay.relay import Relay


@click.command()
@click.option("--app", "application", metavar="MODULE:ATTR", envvar="RESQD_APP", required=True,
              help="Whose outboxes. [RESQD_APP]")  # fmt: skip
@click.option("--once", is_flag=True, help="Move what is there, and exit.")
@with_redis
@as_json
def outbox(application: str, once: bool, in_json: bool, **redis: str | None) -> None:
    """Move the jobs of the application's outboxes to Redis, until TERM or INT.

    Every daemon of the application does the same. Any number may do so at a time, and each may be killed at any
    moment: no job is lost by that, nor put twice within a day.
    """
    log.configure(level="INFO", format=setting_of("log_format", None) or "text", role="outbox")
    app = load_app(application)
    outboxes = parts_of(app).outboxes
    if not outboxes:
        raise NotDone(f"{application} has no outbox: see resqd/contrib/README.md")
    ended = threading.Event()
    with opened(**redis, app=application) as there:
        work = Relaying(
            outboxes,
            relay=there.store.home.open(Relay),
            backoff=Backoff(random.random),
            clock=monotonic,
            sleep=ended.wait,
        )
        work.begin()
        if once:
            _empty(work)
        else:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: ended.set())
            work.run(ended.is_set)
    report(json.dumps({"moved": work.moved}) if in_json else f"moved {work.moved} jobs")
    if work.refused:
        raise NotDone(
            f"the jobs of some queues stay there, since Redis does not take them: {', '.join(work.refused)}"
        )


def _empty(work: Relaying) -> None:
    try:
        work.empty()
    except StoreError:
        raise
    except Exception as error:
        raise NotDone(
            f"the outbox cannot be read: {type(error).__name__}: {error}".partition("\n")[0]
        ) from error
