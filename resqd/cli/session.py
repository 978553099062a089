"""One run of resqctl: the daemon it talks to, how it shows what comes, and the exit status of what went wrong."""

from __future__ import annotations

import json
import time
from typing import Any, NoReturn

import click

from resqd.cli.client import CallError, Client, DisconnectedError, NoDaemonError, RefusedError
from resqd.cli.leaving import Status
from resqd.cli.output import Talking, report, report_problems
from resqd.errors import ResqdError

ANSWER_TIMEOUT = 5.0
"""Seconds for a command that the daemon answers at once."""
_FAILED = 1


class Session:
    """One run of resqctl: the daemon that it talks to, and how it shows what comes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.json = False

    def call(
        self, command: str, *, timeout: float = ANSWER_TIMEOUT, **arguments: str | int
    ) -> dict[str, Any]:
        """The daemon's reply."""
        return self._client.call(command, timeout=timeout, **arguments)

    def status(self) -> Status:
        """The daemon's status."""
        return dict(self.call("status")["status"])

    def poll(self) -> Status | None:
        """The daemon's status, None when it is gone."""
        while True:
            try:
                return self.status()
            except NoDaemonError:
                return None
            except DisconnectedError:
                time.sleep(0.05)  # it is ending, or executing itself anew: the next try tells which

    def say(self, reply: dict[str, Any], line: str) -> None:
        """Report what the daemon did: its reply as JSON, or its own message, or `line`."""
        report(json.dumps(reply) if self.json else reply.get("message", line))

    def show(self, reply: dict[str, Any], text: str) -> None:
        """Show what was asked for, as JSON or as `text`."""
        click.echo(json.dumps(reply) if self.json else text)

    def fail(self, line: str) -> NoReturn:
        """End with status 1, for the reason in `line`."""
        raise RefusedError(line)


class Steering(Talking):
    """A group whose commands end with the status of what went wrong, and one line about it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ResqdError as error:
            report_problems([str(error)], in_json=isinstance(ctx.obj, Session) and ctx.obj.json)
            ctx.exit(error.status if isinstance(error, CallError) else _FAILED)
