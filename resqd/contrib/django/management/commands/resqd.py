"""manage.py resqd: every command of `resqd` and `resqctl`, told what RESQD in the settings says."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from django.core.management.base import BaseCommand, CommandError

from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd
from resqd.contrib.django.application import DAEMON_APP
from resqd.contrib.django.conf import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRONG_USAGE: Final = 2
_DJANGOS: Final = ("--settings", "--pythonpath")
"""What manage.py itself takes wherever it stands, and has carried out before."""
_RESQCTLS: Final = ("--name", "--socket")
"""What resqctl takes before its command, each with a value."""


class Command(BaseCommand):  # type: ignore[misc] # Django ships no type information
    """Run the daemon, steer it, and look into the queues."""

    help = "Run the daemon (start), steer it (status, pause, drain, ...), look into the queues (queues, failed, ...)."
    requires_system_checks = ()

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Hand the words on; the exit status is that of resqd or resqctl."""
        sys.exit(run(_without_djangos(argv[2:]), prog=f"{os.path.basename(argv[0])} {argv[1]}"))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """For `call_command`, and for manage.py help."""
        parser.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND ...")
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _overview()

    def handle(self, *_: object, **options: Any) -> None:
        """Carry out a command for `call_command`. Errors: CommandError where its exit status is not 0."""
        words = options["words"]
        if status := run(words, prog="resqd"):
            raise CommandError(f"resqd {' '.join(words)} ended with status {status}", returncode=status)


def run(words: Sequence[str], *, prog: str) -> int:
    """Carry out a command of resqd or resqctl; its exit status."""
    name = _command_in(words)
    if not words or words[0] in {"-h", "--help", "help"}:
        click.echo(f"Usage: {prog} COMMAND [OPTION]...\n\n{_overview()}")
        return 0
    try:
        if name in resqd.commands:
            os.environ["RESQD_APP"] = DAEMON_APP
            _let_children_import()
            resqd.main([*words], prog_name=prog, default_map=dict(_defaults(resqd)))
        elif name in resqctl.commands:
            named = configuration().daemon.get("name")
            resqctl.main([*(["--name", named] if named else []), *words], prog_name=prog)
        else:
            return _unknown(name or words[0], prog)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _without_djangos(words: Sequence[str]) -> list[str]:
    left, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in _DJANGOS:
            skip = True
        elif word.partition("=")[0] not in _DJANGOS:
            left.append(word)
    return left


def _command_in(words: Sequence[str]) -> str | None:
    """The first word that is no option, nor the value of one."""
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _RESQCTLS
        else:
            return word
    return None


def _defaults(group: click.Group) -> Iterator[tuple[str, dict[str, Any]]]:
    """What RESQD says, for the options of each command, by the commands' and options' names."""
    said = configuration().daemon
    if (shards := said.get("redis_shards")) is not None:
        os.environ.setdefault("REDIS_SHARDS", shards)  # which all commands read; they have no option for it
    place = {field: text for field, text in said.items() if field in {"redis_url", "namespace"}}
    own = {
        parameter.name for parameter in group.params
    }  # its defaults stand in the same table as the commands'
    for name, command in group.commands.items():
        if name in own:
            continue
        if isinstance(command, click.Group):
            yield name, dict(_defaults(command)) | place  # such a group may act by itself, as `queues` does
        elif name == "start":
            yield name, said | {"app": DAEMON_APP}
        else:
            yield name, dict(place)


def _let_children_import() -> None:
    """A reload tries the new code with another program than manage.py, which must find the same modules."""
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    own = dict.fromkeys([sys.path[0], os.path.dirname(os.path.abspath(sys.argv[0]))])
    missing = [path for path in own if path in sys.path and path not in given and not _is_here(path)]
    if missing:
        os.environ["PYTHONPATH"] = os.pathsep.join([*missing, *given])


def _is_here(path: str) -> bool:
    try:
        return os.path.samefile(path or ".", ".")
    except OSError:
        return True


def _unknown(name: str, prog: str) -> int:
    known = [*resqd.commands, *resqctl.commands]
    near = difflib.get_close_matches(name, known, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"`{prog} --help` shows them all"
    click.echo(f"{prog}: there is no command {name!r}; {hint}", err=True)
    return _WRONG_USAGE


def _overview() -> str:
    lines = []
    for group, commands in (("resqd", resqd.commands), ("resqctl", resqctl.commands)):
        lines.append(f"Commands of {group}:")
        lines += [
            f"  {name:12}{command.get_short_help_str(90)}"
            for name, command in sorted(commands.items())
            if group == "resqd" or name not in resqd.commands
        ]
    return "\n".join(lines)
