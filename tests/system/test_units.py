"""The units of systemd/ under a real systemd (fault 16), and by systemd's own judgement."""

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd.store.redis.embedded import server_binary
from tests.support.machine import CannotBootError, Machine, why_not
from tests.support.server import Server
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "systemd"
WATCHDOG_SECONDS = 4
MOST_EXPOSED = 3.0

JOBS = """
import pathlib, time
import resqd

app = resqd.App()
here = pathlib.Path("/srv/shared")

@app.job(queue="mail", name="Wait")
def wait(name):
    (here / f"{name}.begun").touch()
    while not (here / f"{name}.go").exists():
        time.sleep(0.02)
    (here / f"{name}.done").write_text("VERSION")
"""
ENVIRONMENT = """
RESQD_APP=jobs:app
PYTHONPATH=/srv/shared
REDIS_URL=unix:///srv/redis/redis.sock
QUEUES=mail
WORKER_COUNT=2
THREAD_COUNT=2
JOBS_PER_FORK=0
"""
DROP_IN = f"""
[Service]
WatchdogSec={WATCHDOG_SECONDS}
ReadWritePaths=/srv/shared
"""
PROGRAM = """#!/bin/sh
export PYTHONPATH="/opt/resqd/src:/opt/resqd/site:$PYTHONPATH" LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/{python} {how} "$@"
"""


class Host:
    """The machine with resqd's unit installed, its Redis outside, and the jobs' folder that both see."""

    def __init__(self, machine: Machine, server: Server, shared: Path) -> None:
        self.machine = machine
        self.server = server
        self.shared = shared
        self.write_jobs("one")

    def write_jobs(self, version: str, text: str = JOBS) -> None:
        (self.shared / "jobs.py").write_text(text.replace("VERSION", version))

    def enqueue(self, name: str) -> None:
        with redis.Redis.from_url(self.server.url()) as client:
            client.sadd("resque:queues", "mail")
            client.rpush("resque:queue:mail", json.dumps({"class": "Wait", "args": [name]}))

    def begin(self, name: str) -> None:
        self.enqueue(name)
        wait_for((self.shared / f"{name}.begun").exists, 20, what=f"{name} runs; {self.log()}")

    def finish(self, name: str) -> str:
        (self.shared / f"{name}.go").touch()
        done = self.shared / f"{name}.done"
        wait_for(lambda: done.exists() and done.stat().st_size, 20, what=f"{name} is done; {self.log()}")
        return done.read_text()

    def resqctl(self, *arguments: str) -> str:
        """What resqctl prints when root calls it, outside the unit."""
        done = self.machine.run("/opt/resqd/bin/resqctl", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def unit(self) -> dict[str, str]:
        return self.machine.show("resqd")

    def log(self) -> str:
        return self.machine.journal("resqd")[-4000:]

    def start(self) -> int:
        """Start the unit; its main pid as the machine numbers it."""
        started = self.machine.run("systemctl", "start", "resqd")
        assert started.returncode == 0, f"{started.stderr}{self.log()}"
        return int(self.unit()["MainPID"])

    def wait_until(self, **properties: str) -> dict[str, str]:
        """Wait for the unit's properties."""

        def there() -> dict[str, str] | None:
            found = self.unit()
            return found if properties.items() <= found.items() else None

        return wait_for(there, 30, what=f"{properties}; {self.log()}", every=0.1)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A booted machine, for all tests of the module: a boot takes seconds."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    binary = server_binary()
    assert binary is not None
    folder = tmp_path_factory.mktemp("machine")
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    python = f"python{sysconfig.get_python_version()}"
    resqctl = "-c 'from resqd.cli.resqctl import main; main(prog_name=\"resqctl\")'"
    files = {
        "/etc/systemd/system/resqd.service": (UNITS / "resqd.service").read_text(),
        "/etc/systemd/system/resqd.service.d/test.conf": DROP_IN,
        "/etc/resqd/resqd.env": ENVIRONMENT,
        "/opt/resqd/bin/resqd": PROGRAM.format(python=python, how="-m resqd"),
        "/opt/resqd/bin/resqctl": PROGRAM.format(python=python, how=resqctl),
    }
    with Server(binary, "--unixsocketperm", "777", "--appendonly", "yes") as server:
        server.folder.chmod(0o755)
        binds = {
            ROOT: "/opt/resqd/src",
            Path(sysconfig.get_path("purelib")): "/opt/resqd/site",
            server.folder: "/srv/redis",
            shared: "/srv/shared",
        }
        try:
            with Machine(folder, binds=binds, files=files) as machine:
                yield Host(machine, server, shared)
        except CannotBootError as error:
            pytest.skip(f"cannot boot: {error}")


@pytest.fixture
def running(host: Host) -> Iterator[Host]:
    """The unit is active at the test's beginning, and stopped at its end."""
    host.write_jobs("one")
    host.start()
    yield host
    for begun in host.shared.glob("*.begun"):
        begun.with_suffix(".go").touch()
    host.machine.systemctl("stop", "resqd")
    host.machine.systemctl("reset-failed")


def test_unit_becomes_active_and_shows_its_status(running: Host) -> None:
    """Once the daemon is ready the unit is active, `systemctl status` shows its state, and resqctl finds it."""
    assert running.unit()["ActiveState"] == "active"
    wait_for(
        lambda: "2 workers" in running.unit()["StatusText"],
        10,
        what=f"a status; {running.unit()['StatusText']}",
    )
    assert running.resqctl("ping") == "pong\n"


def test_stop_drains(running: Host) -> None:
    """`systemctl stop` with a job under way waits for it, in spite of the CONT that follows the stop signal."""
    running.begin("drained")
    running.machine.systemctl("stop", "--no-block", "resqd")
    running.wait_until(ActiveState="deactivating")
    ended = time.monotonic() + 1.5
    wait_for(lambda: time.monotonic() > ended or running.unit()["ActiveState"] != "deactivating")
    assert running.unit()["ActiveState"] == "deactivating", running.log()
    assert running.finish("drained") == "one"
    stopped = running.wait_until(ActiveState="inactive")
    assert (stopped["Result"], stopped["ExecMainStatus"]) == ("success", "0")


def test_reload_brings_new_code_under_the_same_pid(running: Host) -> None:
    """`systemctl reload` rolls the workers: the running job ends in the old code, the next runs in the new."""
    before = running.unit()["MainPID"]
    running.begin("old")
    running.write_jobs("two")
    running.machine.systemctl("reload", "resqd")
    assert running.finish("old") == "one"

    def by_new_code() -> bool:
        name = f"new-{time.monotonic_ns()}"
        running.begin(name)
        return running.finish(name) == "two"

    wait_for(by_new_code, 30, what=f"the new code runs; {running.log()}")
    after = running.wait_until(ActiveState="active")
    assert (after["MainPID"], after["NRestarts"]) == (before, "0")


def test_reload_of_broken_code_changes_nothing(running: Host) -> None:
    """Where the new code does not import `systemctl reload` fails, and the old code runs on."""
    before = running.unit()["MainPID"]
    running.write_jobs("broken", "def (")
    assert running.machine.run("systemctl", "reload", "resqd").returncode != 0
    after = running.wait_until(ActiveState="active")
    assert (after["MainPID"], after["NRestarts"]) == (before, "0")
    running.begin("kept")
    assert running.finish("kept") == "one"


def test_hung_master_is_replaced(running: Host) -> None:
    """A master whose loop stands still is killed by systemd's watchdog, and a new one runs jobs."""
    before = running.unit()["MainPID"]
    running.machine.run("kill", "-STOP", before)
    wait_for(
        lambda: running.unit()["MainPID"] not in (before, "0"), 30, what=f"a new master; {running.log()}"
    )
    assert int(running.wait_until(ActiveState="active")["NRestarts"]) >= 1
    running.begin("again")
    assert running.finish("again") == "one"


def test_redis_outage_restarts_nothing(running: Host) -> None:
    """While Redis is silent for longer than the watchdog's time the unit stays active; then jobs run again."""
    before = running.unit()
    os.kill(running.server.pid, signal.SIGSTOP)
    ended = time.monotonic() + 2.5 * WATCHDOG_SECONDS

    def seen_for_long_enough() -> bool:
        redis_state = json.loads(running.resqctl("status", "--json"))["housekeeper"]["redis"]
        return redis_state != "ok" and time.monotonic() > ended

    try:
        wait_for(seen_for_long_enough, 40, what="the outage was seen", every=0.2)
    finally:
        os.kill(running.server.pid, signal.SIGCONT)
    after = running.unit()
    assert [after[name] for name in ("MainPID", "NRestarts", "ActiveState")] == [
        before["MainPID"],
        before["NRestarts"],
        "active",
    ]
    running.begin("after")
    assert running.finish("after") == "one"


def test_unit_without_a_redis_runs_its_own(host: Host) -> None:
    """Where the settings name no Redis the unit runs the embedded server in its state folder, and stops it again."""
    edit = "sed -i.kept /REDIS_URL/d /etc/resqd/resqd.env"
    assert host.machine.run("sh", "-c", edit).returncode == 0
    try:
        host.start()
        wait_for(lambda: json.loads(host.resqctl("status", "--json"))["housekeeper"]["redis"] == "ok", 20)
        host.machine.systemctl("stop", "resqd")
        assert host.unit()["Result"] == "success"
        # Its last line: it was not killed in the middle of its end, as systemd does with what a service leaves.
        ended = "grep 'bye bye' /var/lib/private/resqd/valkey.log"
        assert host.machine.run("sh", "-c", ended).returncode == 0
    finally:
        host.machine.run("mv", "/etc/resqd/resqd.env.kept", "/etc/resqd/resqd.env")


@pytest.fixture
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    return program


@pytest.mark.parametrize("unit", ["resqd.service", "resqd@.service"])
def test_systemd_finds_no_fault(analyze: str, tmp_path: Path, unit: str) -> None:
    """`systemd-analyze verify` is silent, with programs that exist in the place of /opt/resqd."""
    text = re.sub(r"/opt/resqd/bin/\w+", "/bin/true", (UNITS / unit).read_text())
    copy = tmp_path / unit.replace("@", "@mail")
    copy.write_text(text)
    done = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", ["resqd.service", "resqd@.service"])
def test_exposure_is_low(analyze: str, unit: str) -> None:
    """`systemd-analyze security` scores 3.0 or lower."""
    threshold = f"--threshold={int(MOST_EXPOSED * 10)}"
    command = [analyze, "security", "--offline=true", "--no-pager", threshold, str(UNITS / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
