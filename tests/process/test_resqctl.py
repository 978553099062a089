"""resqctl as a process, against the real control server with a scripted handler."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from resqd.cli.client import Client
from tests.process.conftest import ENVIRON, StartMaster
from tests.support.scripted_master import JOB
from tests.support.waiting import wait_for

Done = subprocess.CompletedProcess[str]
RUN = "from resqd.cli.resqctl import main; main(prog_name='resqctl')"
COMMAND = [sys.executable, "-c", RUN]


@pytest.fixture(autouse=True)
def _by_name(monkeypatch: pytest.MonkeyPatch, socket_path: Path) -> None:
    """resqctl finds the socket by its name, as an operator's does."""
    monkeypatch.setitem(ENVIRON, "RUNTIME_DIRECTORY", str(socket_path.parent))
    monkeypatch.setitem(ENVIRON, "RESQD_NAME", "mail")


def resqctl(*arguments: str, timeout: float = 20) -> Done:
    return subprocess.run(
        [*COMMAND, *arguments], env=ENVIRON, capture_output=True, text=True, timeout=timeout, check=False
    )


def expect(done: Done, status: int, *, out: str = "", err: str = "") -> None:
    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


@pytest.mark.usefixtures("master")
def test_answers_say_what_was_done() -> None:
    """Each command that the daemon agrees to ends with status 0 and one line."""
    expect(resqctl("ping"), 0, out="pong\n")
    expect(resqctl("pause"), 0, out="paused\n")
    expect(resqctl("resume"), 0, out="running\n")
    expect(resqctl("kill-jobs"), 0, out="killing the current jobs\n")


@pytest.mark.usefixtures("master")
@pytest.mark.parametrize(("change", "sent"), [("3", {"to": 3}), ("+1", {"delta": 1}), ("-1", {"delta": -1})])
def test_scale_is_absolute_or_relative(change: str, sent: dict[str, int]) -> None:
    """A bare number is the number of workers, one with a sign is a difference."""
    expect(resqctl("scale", "--json", change), 0, out=json.dumps({"ok": True, **sent}) + "\n")


@pytest.mark.usefixtures("master")
def test_refusal_is_one_line_and_status_1() -> None:
    """What the daemon refuses ends with status 1 and its reason; with --json the reason is JSON as well."""
    expect(resqctl("kill", "unknown"), 1, err="resqctl: no such job runs\n")
    line = "jobs.py does not import:\nSyntaxError"
    done = resqctl("reload", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"ok": False, "error": line}


@pytest.mark.usefixtures("master")
def test_kill_waits_for_the_jobs_end() -> None:
    """`kill` answers when the job has ended, and not later than --timeout."""
    expect(resqctl("kill", str(JOB["id"])), 0, out="killed f00d\n")
    done = resqctl("kill", "never", "--timeout", "0.3")
    expect(done, 1, err="resqctl: the daemon did not answer in time\n")


def test_no_daemon_is_status_3(socket_path: Path) -> None:
    """Without a daemon every command ends with status 3 and says where it looked."""
    for arguments in (["ping"], ["drain"], ["status"], ["scale", "1"]):
        done = resqctl(*arguments)
        assert done.returncode == 3
        assert done.stderr.startswith(f"resqctl: no daemon listens at {socket_path}")
    expect(
        resqctl("--socket", "/nowhere", "ping"),
        3,
        err="resqctl: no daemon listens at /nowhere; `resqd start` starts one\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["dance"],
        ["kill"],
        ["kill", ""],
        ["kill", " "],
        ["kill", "a\nb"],
        ["kill", "x", "--timeout", "inf"],
        ["kill", "x", "--timeout", "nan"],
        ["kill", "x", "--timeout", "-1"],
        ["drain", "--timeout", "1e300"],
        ["--name", "", "ping"],
        ["--socket", "", "ping"],
        ["scale", ""],
        ["scale", "many"],
        ["scale", "1.5"],
        ["scale", "99999"],
        ["scale", "00000" + "9" * 5_000],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    """What is typed wrong ends with status 2, before any daemon is asked."""
    assert resqctl(*arguments).returncode == 2


@pytest.mark.usefixtures("master")
def test_status_for_scripts_and_for_people() -> None:
    """`status --json` is the daemon's account; without it people read the same as a table, uncoloured in a pipe."""
    account = json.loads(resqctl("status", "--json").stdout)
    assert account["totals"] == {"processed": 12345, "failed": 6, "per_second": 3204.5}
    shown = resqctl("status")
    assert shown.returncode == 0
    assert "\x1b" not in shown.stdout
    for text in (
        "mail",
        "running",
        "12,345 processed",
        "512/1,000",
        "Archive f00d",
        "redis: connection refused",
    ):
        assert text in shown.stdout


@pytest.mark.usefixtures("master")
def test_status_in_colour_on_a_terminal() -> None:
    """On a terminal the same table has colours."""
    ours, theirs = pty.openpty()
    environ = {**ENVIRON, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([*COMMAND, "status"], env=environ, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.wait(10) == 0
    os.close(ours)
    assert b"\x1b[32mrunning" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # a terminal's end, once the last process has closed the other side
        return b""


@pytest.mark.usefixtures("master")
def test_watch_goes_on() -> None:
    """`status --watch --json` prints an account again and again; Ctrl-C is how it ends, with 0 and without a word."""
    with subprocess.Popen(
        [*COMMAND, "status", "--watch", "--json"], env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        states = [json.loads(process.stdout.readline())["state"] for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (0, b"")
    assert states == ["running", "running"]


@pytest.mark.usefixtures("master")
def test_ctrl_c_ends_what_people_watch() -> None:
    """The tables of `status --watch` end likewise."""
    with subprocess.Popen(
        [*COMMAND, "status", "--watch"], env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while b"resqd" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
        assert (process.returncode, said) == (0, b"")


@pytest.mark.usefixtures("master")
def test_stacks_cannot_colour_the_terminal() -> None:
    """Stacks are shown by worker, with control characters of the application's names made visible."""
    shown = resqctl("stacks").stdout
    assert shown.startswith("worker 0 (pid 7)\n\\x1b[31mred\nxxx")


def test_drain_waits_until_the_daemon_is_gone(start_master: StartMaster) -> None:
    """`drain` names the job that still runs, and ends with status 0 when the daemon is gone."""
    master = start_master()
    done = resqctl("drain")
    assert master.wait(5) == 0
    assert done.returncode == 0
    assert "draining: 0 of 1 jobs ended, waiting for Archive f00d 12s" in done.stdout
    assert done.stdout.endswith("drain done: the daemon is gone\n")


def test_drain_shows_its_progress_on_a_terminal(start_master: StartMaster) -> None:
    """On a terminal the drain has a bar that names what still runs."""
    start_master()
    ours, theirs = pty.openpty()
    environ = {**ENVIRON, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([*COMMAND, "drain"], env=environ, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        assert process.wait(10) == 0
    os.close(ours)
    assert b"waiting for Archive f00d" in shown
    assert "━".encode() in shown


@pytest.mark.usefixtures("master")
def test_drain_that_is_taken_back_ends_with_status_1(socket_path: Path) -> None:
    """A `resume` from elsewhere ends the waiting `drain`, which says so."""
    results: list[Done] = []
    client = Client([socket_path])  # at once: the scripted master drains for a second only
    thread = threading.Thread(target=lambda: results.append(resqctl("drain")))
    thread.start()
    wait_for(lambda: client.call("status", timeout=5)["status"]["state"] == "draining", 20, what="it drains")
    assert client.call("resume", timeout=5)["ok"]
    thread.join()
    assert results[0].returncode == 1
    assert results[0].stderr == "resqctl: the drain was taken back: the daemon runs on\n"


@pytest.mark.usefixtures("master")
def test_drain_gives_up_after_its_timeout() -> None:
    """With --timeout the waiting ends with status 1, and the daemon drains on."""
    done = resqctl("drain", "--timeout", "0.1")
    expect(
        done,
        1,
        out=done.stdout,
        err="resqctl: still draining after 0.1 s; the daemon goes on with it\n",
    )


@pytest.mark.usefixtures("master")
def test_drain_without_waiting() -> None:
    """`drain --no-wait` ends as soon as the daemon has begun; a pause during it is refused."""
    expect(resqctl("drain", "--no-wait"), 0, out="draining\n")
    expect(resqctl("pause"), 1, err="resqctl: the daemon is draining: it takes no new jobs anyway\n")


def test_stop_waits_and_killed_jobs_are_its_purpose(start_master: StartMaster) -> None:
    """`stop` ends with status 0 once the daemon is gone, although jobs were stopped."""
    master = start_master()
    expect(resqctl("stop", "--json"), 0, out='{"ok": true, "outcome": "killed"}\n')
    assert master.wait(5) == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    """Each shell gets a script that completes `resqctl`."""
    done = resqctl("completion", shell)
    assert done.returncode == 0
    assert "_RESQCTL_COMPLETE" in done.stdout


@pytest.mark.usefixtures("master")
def test_completion_offers_the_running_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """`resqctl kill <TAB>` offers the ids of the jobs that run now."""
    monkeypatch.setitem(ENVIRON, "_RESQCTL_COMPLETE", "bash_complete")
    monkeypatch.setitem(ENVIRON, "COMP_WORDS", "resqctl kill f")
    monkeypatch.setitem(ENVIRON, "COMP_CWORD", "2")
    assert "plain,f00d" in resqctl().stdout


@pytest.mark.usefixtures("master")
def test_answers_in_100_ms() -> None:
    """`resqctl ping`, interpreter and imports included, takes under 100 ms when the machine is free."""

    def fast() -> bool:
        before = time.monotonic()
        assert resqctl("ping").returncode == 0
        return time.monotonic() - before < 0.1

    wait_for(fast, 10, what="a ping within 100 ms")


def test_imports_stay_lean() -> None:
    """resqctl imports neither Redis nor rich nor asyncio, nor anything of the store."""
    code = "import sys; from resqd.cli import resqctl; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=True
    )
    found = {
        name for name in done.stdout.split() if name.startswith(("redis", "rich", "asyncio", "resqd.store"))
    }
    assert found == set()
