"""A job's arguments on the command line: JSON, each by itself."""

from __future__ import annotations

from typing import Any

import click

from resqd.cli.program import one_line
from resqd.errors import PayloadError
from resqd.store.resque import payload as payloads


def json_argument(number: int, text: str) -> Any:
    """The value of the argument in that place. Errors: click.UsageError."""
    try:
        return payloads.load(text.encode(errors="surrogateescape"))
    except PayloadError:
        shown = one_line(text if len(text) <= 60 else f"{text[:60]}…")
        raise click.UsageError(
            f"""argument {number}, {shown}, is not JSON; a string needs its own quotes: '"text"'"""
        ) from None
