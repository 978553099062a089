"""resqctl top on a terminal of its own, and in a pipe, against the real control server with a scripted handler."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.conftest import ENVIRON, StartMaster
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-c", "from resqd.cli.resqctl import main; main(prog_name='resqctl')", "top"]


@pytest.fixture(autouse=True)
def _by_name(monkeypatch: pytest.MonkeyPatch, socket_path: Path) -> None:
    monkeypatch.setitem(ENVIRON, "RUNTIME_DIRECTORY", str(socket_path.parent))
    monkeypatch.setitem(ENVIRON, "RESQD_NAME", "mail")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=ENVIRON, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.usefixtures("master")
def test_a_sitting() -> None:
    """Sort, filter, kill, pause, help, a smaller window, and out; afterwards the terminal is as it was."""
    with Terminal([*COMMAND, "--interval", "0.2"], ENVIRON) as terminal:
        terminal.shows("q quit")
        assert "Archive" in terminal.shows("(idle)")
        terminal.type("s")
        terminal.shows("class↑")
        terminal.type("/arch\r")
        terminal.shows("[filter: arch]")
        terminal.type("k")
        terminal.shows("kill Archive f00d? y kills it")
        terminal.type("y")
        terminal.shows("killed f00d")
        terminal.type("p")
        terminal.shows("paused: it takes no new jobs")
        terminal.type("?")
        terminal.shows("any key goes back")
        terminal.type("x")
        terminal.resize((8, 40))
        assert terminal.shows("[filter: arch]  q quit  ? help").count("memory") <= 1
        terminal.type("q")
        assert terminal.ended() == 0
        assert b"\x1b[?1049l" in terminal.raw
        assert terminal.mode() == terminal.before


@pytest.mark.usefixtures("master")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_puts_the_terminal_back(number: signal.Signals, status: int) -> None:
    """And the exit status tells which it was."""
    with Terminal(COMMAND, ENVIRON) as terminal:
        terminal.shows("q quit")
        terminal.process.send_signal(number)
        assert terminal.ended() == status
        assert terminal.mode() == terminal.before


@pytest.mark.usefixtures("master")
def test_no_colour_where_none_is_wanted() -> None:
    """NO_COLOR leaves bold and reversed letters, and no colour."""
    with Terminal(COMMAND, {**ENVIRON, "NO_COLOR": "1"}) as terminal:
        terminal.shows("redis: connection refused")
        assert b"\x1b[3" not in terminal.raw
        terminal.type("\x03")
        assert terminal.ended() == 0
    with Terminal(COMMAND, ENVIRON) as terminal:
        terminal.shows("redis: connection refused")
        assert b"\x1b[31m" in terminal.raw


@pytest.mark.usefixtures("master")
def test_a_pipe_gets_one_picture() -> None:
    """Also `--once`, and a terminal that cannot move its cursor; for programs there is --json."""
    done = run()
    assert (done.returncode, done.stderr, "\x1b" in done.stdout) == (0, "", False)
    assert "Archive" in done.stdout
    assert "f00d" in done.stdout
    assert "q quit" not in done.stdout
    for environ, flags in ((ENVIRON, ["--once"]), ({**ENVIRON, "TERM": "dumb"}, [])):
        with Terminal([*COMMAND, *flags], environ) as terminal:
            terminal.shows("Archive")
            assert terminal.ended() == 0
            assert b"\x1b[?1049h" not in terminal.raw
    assert json.loads(run("--json").stdout)["name"] == "mail"


def test_a_daemon_that_goes_is_waited_for(start_master: StartMaster) -> None:
    """The old numbers stay, with the reason; where none was there from the first the command fails."""
    done = run()
    assert done.returncode == 3
    assert done.stderr.startswith("resqctl: no daemon listens at ")
    master = start_master()
    with Terminal([*COMMAND, "--interval", "0.1"], ENVIRON) as terminal:
        terminal.shows("Archive")
        master.kill()
        terminal.shows("as of the last answer: no daemon listens at")
        terminal.type("q")
        assert terminal.ended() == 0


def test_wrong_intervals_are_refused() -> None:
    """Before any daemon is asked."""
    for given in ("0", "-1", "nan", "0.01"):
        assert run("--interval", given).returncode == 2
