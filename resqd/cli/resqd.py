"""The `resqd` command: starts the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from resqd import __version__
from resqd.cli.boot import boot
from resqd.cli.loading import load_app
from resqd.errors import ResqdError, SettingsError
from resqd.settings import OPTIONS, Settings

WRONG_CONFIGURATION = 78
"""Exit status for settings that cannot be (EX_CONFIG of sysexits.h)."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="resqd")
def main() -> None:
    """A job daemon that speaks Resque's wire format."""


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each setting; its default is the environment variable that the help names."""
    for option in reversed(OPTIONS):
        default = f"; default {option.default}" if option.default else ""
        text = f"{option.help} [{option.variable}{default}]"
        command = click.option(option.flag, option.field, metavar=option.metavar, help=text)(command)
    return command


@main.command()
@_with_settings
@click.option(
    "--burst", is_flag=True, help="run until the queues are empty, then exit (the same as INTERVAL=0)"
)
def start(burst: bool, **flags: Any) -> None:
    """Run the daemon in the foreground."""
    if burst:
        flags["interval"] = "0"
    sys.exit(_run(lambda: boot(Settings.load(os.environ, flags))))


@main.command()
@click.option("--app", "application", metavar="MODULE:ATTR", envvar="RESQD_APP", required=True)
def check(application: str) -> None:
    """Import the application and exit: 0 when that works, else one line that says why not."""
    sys.exit(_run(lambda: _check(application)))


def _check(application: str) -> int:
    app = load_app(application)
    click.echo(f"{application}: {len(app.jobs)} jobs")
    return 0


def _run(action: Callable[[], int]) -> int:
    """Run it; what is wrong is said in one line each, without a traceback."""
    try:
        return action()
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"resqd: {problem}", err=True)
        return WRONG_CONFIGURATION
    except ResqdError as error:
        click.echo(f"resqd: {error}", err=True)
        return getattr(error, "exit_status", WRONG_CONFIGURATION)


if __name__ == "__main__":
    main()
