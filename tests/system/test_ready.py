"""resqctl ping --ready: the probe of a container."""

import subprocess
import sys
from pathlib import Path

from resqd.store.redis.embedded import server_binary
from tests.support.server import Server
from tests.support.station import Station
from tests.support.waiting import wait_for


def ping(*flags: str) -> tuple[int, str]:
    command = [sys.executable, "-c", "from resqd.cli.resqctl import main; main()", "ping", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return ended.returncode, (ended.stdout + ended.stderr).strip()


def test_ready_is_who_would_run_a_job_now(tmp_path: Path) -> None:
    """Not while paused, and not while Redis is away; the plain ping answers all the same."""
    binary = server_binary()
    assert binary is not None
    with Server(binary) as server, Station(folder=tmp_path, url=server.url()) as station:
        assert ping("--ready") == (0, "pong")
        station.call("pause")
        status, said = ping("--ready")
        assert (status, "paused" in said) == (1, True)
        station.call("resume")
        server.kill()
        wait_for(lambda: ping("--ready")[0] == 1, 15, what="it is not ready without Redis")
        assert "not ready: Redis: " in ping("--ready")[1]
        assert ping() == (0, "pong")
        server.start()
        wait_for(lambda: ping("--ready")[0] == 0, 15, what="it is ready again")
