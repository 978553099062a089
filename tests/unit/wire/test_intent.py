"""How commands change an intent: every pair."""

import pytest

from resqd.wire.intent import Command, Ending, Intent, after

R, P, D, S = Intent.RUNNING, Intent.PAUSED, Intent.DRAINING, Intent.STOPPING
TABLE = {
    Command.PAUSE: (P, P, D, S),
    Command.CONTINUE: (R, R, D, S),
    Command.RESUME: (R, R, R, S),
    Command.DRAIN: (D, D, D, S),
    Command.STOP: (S, S, S, S),
    Command.KILL_JOBS: (R, R, D, S),
}


@pytest.mark.parametrize("command", Command)
def test_every_command_in_every_state(command: Command) -> None:
    """A stop is irrevocable; only RESUME takes back a drain; CONTINUE after QUIT or TERM changes nothing."""
    assert tuple(after(intent, command) for intent in (R, P, D, S)) == TABLE[command]


@pytest.mark.parametrize(
    ("term", "asked"),
    [("stop", [Command.STOP] * 3), ("drain", [Command.DRAIN, Command.STOP, Command.STOP])],
)
def test_the_first_term_may_drain_and_the_next_one_stops(term: str, asked: list[Command]) -> None:
    """By RESQD_TERM; a drain that was taken back begins anew."""
    ending = Ending(term)
    assert [ending.command() for _ in asked] == asked
    ending.taken_back()
    assert ending.command() is asked[0]
