"""The manual pages of both programs, from the same source as their help.

`python -m resqd.cli.manpage resqd/man` writes them anew; from there they go into the wheel.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from resqd.cli.resqctl import main as resqctl
from resqd.cli.resqd import main as resqd

PROGRAMS: Final[dict[str, click.Group]] = {"resqd": resqd, "resqctl": resqctl}


def page(name: str, program: click.Group) -> str:
    """A program's manual page in roff: its description, its options, and each command with its own."""
    about = _paragraphs(program)
    lines = [f'.TH {name.upper()} 1 "" "resqd" "User Commands"', ".SH NAME", _escaped(f"{name} - {about[0]}")]
    lines += [".SH SYNOPSIS", f".B {name}", "[OPTIONS] COMMAND [ARGS]...", ".SH DESCRIPTION"]
    for paragraph in about:
        lines += [".PP", _escaped(paragraph)]
    lines += [".SH OPTIONS", *_options(program, name), ".SH COMMANDS"]
    for words, command in _commands(program, ()):
        lines += [f".SS {_escaped(' '.join((*words, *_arguments(command))))}"]
        for paragraph in _paragraphs(command):
            lines += [_escaped(paragraph), ".PP"]
        lines += _options(command, words[-1])
    other = next(each for each in PROGRAMS if each != name)
    return "\n".join([*lines, ".SH SEE ALSO", f".BR {other} (1)", ""])


def files() -> dict[str, str]:
    """Each page by its file's name."""
    return {f"{name}.1": page(name, program) for name, program in PROGRAMS.items()}


def _commands(group: click.Group, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in sorted(group.commands):
        command = group.commands[name]
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*above, name))


def _arguments(command: click.Command) -> list[str]:
    return [
        each.make_metavar(click.Context(command))
        for each in command.params
        if isinstance(each, click.Argument)
    ]


def _options(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name)
    records = [each.get_help_record(context) for each in command.params if isinstance(each, click.Option)]
    return [
        line
        for record in records
        if record
        for line in (".TP", f".B {_escaped(record[0])}", _escaped(record[1]))
    ]


def _paragraphs(command: click.Command) -> list[str]:
    return [" ".join(part.split()) for part in (command.help or "").split("\n\n") if part.strip()]


def _escaped(text: str) -> str:
    """Text as roff shows it: a line's first dot or quote would be a command, and a bare hyphen is no minus."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def write(folder: Path) -> None:
    """Write both into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
