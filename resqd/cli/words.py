"""What people and scripts type, checked, for click's `type=`: what is refused ends with status 2, before any call."""

from __future__ import annotations

import math
from typing import Final

import click

from resqd.text import id_fault

MOST_SECONDS: Final = 365 * 86_400


def name(text: str) -> str:
    """The name of something. An empty one comes from a script's unset variable, and must not mean more, or all."""
    if not text.strip():
        raise click.BadParameter("it is empty; give a name")
    return text


def job_id(text: str) -> str:
    """A running job's id."""
    if (why := id_fault(text)) is not None:
        raise click.BadParameter(why)
    return text


def seconds(text: str | float) -> float:
    """How long to wait: what a clock and a socket can be told."""
    try:
        given = float(text)
    except ValueError:
        given = math.nan
    if not 0 <= given <= MOST_SECONDS:  # NaN is in no range
        raise click.BadParameter(f"give seconds from 0 to {MOST_SECONDS}, such as 5 or 0.25")
    return given
