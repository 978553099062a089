"""What both commands print and take: reports that cannot be lost, problems in one line, arguments by kind."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NoReturn, TypeVar

import click
from click.shell_completion import get_completion_class

from resqd.log import open_standard_descriptors
from resqd.text import id_fault

MOST_SECONDS: Final = 365 * 86_400
SHELLS: Final = ("bash", "zsh", "fish")
"""Those for which there is completion."""
LEAST_INTERVAL: Final = 0.1
"""Seconds between two looks at the least."""

_STDOUT: Final = 1
_STDERR: Final = 2
_FAILED: Final = 1
_Command = TypeVar("_Command", bound=Callable[..., Any])


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


def interval(text: str | float) -> float:
    """How often to look."""
    given = seconds(text)
    if given < LEAST_INTERVAL:
        raise click.BadParameter(f"give at least {LEAST_INTERVAL} seconds")
    return given


def live(command: _Command) -> _Command:
    """Give a command that shows something live the options --interval and --once."""
    command = click.option("--once", is_flag=True, help="Print one picture, as in a pipe.")(command)
    return click.option(
        "--interval",
        type=interval,
        default=2.0,
        show_default=True,
        metavar="SECONDS",
        help="How often to look.",
    )(command)


class OutputError(OSError):
    """Standard output cannot take what the command has to say."""


class _Output(io.TextIOWrapper):
    """Standard output whose errors are told from all others."""

    def write(self, text: str, /) -> int:
        """Write text, as any stream; raises OutputError."""
        try:
            return super().write(text)
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error

    def flush(self) -> None:
        """Write what is buffered; raises OutputError."""
        try:
            super().flush()
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


class Talking(click.Group):
    """A group of commands whose standard streams are fit to be used, whatever the caller left of them."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; with status 1 where the output is all that it was for, and gets nowhere."""
        _prepare_streams()
        try:
            return super().main(*args, **kwargs)  # click itself ends quietly where the reader has gone
        except OutputError as error:
            self._give_up(error)
        finally:
            _settle()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command with its whole first sentence, on as many lines as it takes: click cuts it to one."""
        list_commands(self, ctx, formatter)

    def _give_up(self, error: OutputError) -> NoReturn:
        _silence(_STDOUT)
        complain(f"cannot write the output: {error.strerror}", program=self.name)
        sys.exit(_FAILED)


class Group(click.Group):
    """A group of commands within a program."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As a program lists its own."""
        list_commands(self, ctx, formatter)


def list_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the list of a group's commands for its help."""
    named = [(name, group.get_command(ctx, name)) for name in group.list_commands(ctx)]
    rows = [(name, about(command)) for name, command in named if command is not None and not command.hidden]
    with formatter.section("Commands"):
        formatter.write_dl(rows)


def about(command: click.Command) -> str:
    """What a command does, in a sentence: the first paragraph of its help."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def _prepare_streams() -> None:
    """Before anything else is opened: what was closed becomes /dev/null.

    What stdout's encoding lacks is written as an escape: an error at that point would come after the act.
    """
    open_standard_descriptors()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the process's whole life, as the other two
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115 - it is the process's
    if sys.stdout is None or (sys.stdout is sys.__stdout__ and type(sys.stdout) is io.TextIOWrapper):
        sys.stdout = _output_like(sys.stdout)


def _output_like(stream: io.TextIOWrapper | None) -> _Output:
    through = stream is not None and stream.write_through
    raw = open(_STDOUT, "wb", buffering=0 if through else -1, closefd=False)  # noqa: SIM115 - as above
    if stream is None:
        return _Output(raw, encoding="utf-8", errors="backslashreplace")
    errors = stream.errors
    if errors == "strict" or stream.encoding.lower() != "utf-8":  # surrogateescape keeps every byte in UTF-8
        errors = "backslashreplace"
    return _Output(
        raw,
        encoding=stream.encoding,
        errors=errors,
        line_buffering=stream.line_buffering,
        write_through=through,
    )


@contextmanager
def reporting() -> Iterator[None]:
    """What is said in here tells of something done: where it cannot be said, stderr says so, and all goes on."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        _silence(_STDOUT)
        reason = error.strerror if isinstance(error, OSError) else error
        complain(f"this was done, but stdout does not take the report of it: {reason}")


def report(text: str) -> None:
    """Say what was done."""
    with reporting():
        click.echo(text)


def report_problems(problems: Sequence[str], *, in_json: bool) -> None:
    """Say what went wrong: each problem in a line on stderr, and for a program all of them on stdout."""
    if in_json:
        try:
            click.echo(json.dumps({"ok": False, "error": "; ".join(problems)}))
        except OSError:
            _silence(_STDOUT)
    for problem in problems:
        complain(problem)


def complain(text: str, *, program: str | None = None) -> None:
    """A line on stderr under the program's name; where that is gone too, only the exit status can tell."""
    try:
        click.echo(f"{program or click.get_current_context().find_root().command.name}: {text}", err=True)
    except OSError:
        _silence(_STDERR)


def _settle() -> None:
    """Keep Python from trying stdout at its end once more: where that fails, its exit status is 120."""
    try:
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - also what an application has put in its place
        _silence(_STDOUT)
        sys.stdout = None


def add_completion(program: click.Group) -> None:
    """Give a program the command that prints a shell's completion script for it."""
    name = str(program.name)

    @program.command(
        help=f"Print a shell's completion script.\n\nSuch as for: source <({name} completion bash)"
    )
    @click.argument("shell", type=click.Choice(SHELLS))
    def completion(shell: str) -> None:
        click.echo(completion_script(program, shell))


def completion_script(program: click.Group, shell: str) -> str:
    """What makes a shell complete a program's commands and options, by asking the program."""
    name, complete = str(program.name), get_completion_class(shell)
    if complete is None:
        raise click.UsageError(f"no completion for {shell}")
    return complete(program, {}, name, f"_{name.upper()}_COMPLETE").source()


def _silence(descriptor: int) -> None:
    """Let what is buffered, and all that follows, go to /dev/null: Python would fail on it again at its end."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(null, descriptor)
        os.close(null)
