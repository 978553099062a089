"""The frame of the `resqd` command: one clear line for what went wrong, and an exit status that tells its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from resqd.cli.output import Talking, report_problems
from resqd.errors import AppLoadError, ResqdError, SettingsError, StoreRefused, StoreUnavailable
from resqd.text import escaped

NOT_DONE: Final = 1
NO_REDIS: Final = 3
WRONG_CONFIGURATION: Final = 78
"""Exit status for settings that cannot be (EX_CONFIG of sysexits.h)."""

_JSON: Final = "resqd.json"
_Command = TypeVar("_Command", bound=Callable[..., Any])


class NotDone(ResqdError):  # noqa: N818 - says what became of the command
    """The command was understood and could not, or was not to, be carried out."""


class Program(Talking):
    """A group whose commands end with the status of what went wrong, and a line for each problem."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ResqdError as error:
            problems = error.problems if isinstance(error, SettingsError) else [str(error)]
            report_problems([one_line(problem) for problem in problems], in_json=bool(ctx.meta.get(_JSON)))
            ctx.exit(exit_status(error))


def exit_status(error: ResqdError) -> int:
    """0 done, 1 not done, 2 wrong usage (click's own), 3 no Redis, 78 wrong settings or application."""
    if isinstance(error, SettingsError | AppLoadError):
        return WRONG_CONFIGURATION
    if isinstance(error, StoreUnavailable | StoreRefused):
        return NO_REDIS
    return NOT_DONE


def one_line(text: str) -> str:
    """Text from elsewhere on one line that is safe for a terminal."""
    return escaped(text)


def as_json(command: _Command) -> _Command:
    """Give a command the option --json; an error is then printed as JSON as well."""

    def remember(context: click.Context, _parameter: click.Parameter, chosen: bool) -> bool:
        context.meta[_JSON] = chosen
        return chosen

    return click.option("--json", "in_json", is_flag=True, callback=remember, help="Answer in JSON.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only where the user wants it; raises NotDone otherwise, also where nobody is there to answer."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise NotDone("nothing was changed; --yes goes on without asking")
