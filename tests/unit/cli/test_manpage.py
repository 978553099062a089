"""The manual pages as roff."""

import click

from resqd.cli.manpage import PROGRAMS, page


@click.group(help="Does it.\n\n.Not a command of roff: a-b \\ c")
def made() -> None: ...


@made.command(help="Goes there.")
@click.argument("place")
@click.option("--slowly", is_flag=True, help="Takes its time.")
def go(place: str, slowly: bool) -> None: ...


def test_a_page_has_each_command_with_its_arguments_and_options() -> None:
    """Hyphens, backslashes and a dot at a line's beginning are text."""
    lines = page("resqd", made).splitlines()
    assert "resqd \\- Does it." in lines
    assert "\\&.Not a command of roff: a\\-b \\e c" in lines
    at = lines.index(".SS go PLACE")
    assert lines[at + 1 : at + 6] == ["Goes there.", ".PP", ".TP", ".B \\-\\-slowly", "Takes its time."]


def test_every_command_of_both_programs_is_there() -> None:
    """Those of groups too, under their whole name."""
    shown = page("resqd", PROGRAMS["resqd"])
    assert ".SS failed requeue " in shown
    assert all(f".SS {name.replace('-', chr(92) + '-')}" in shown for name in PROGRAMS["resqd"].commands)
    assert ".SS kill\\-jobs" in page("resqctl", PROGRAMS["resqctl"])
