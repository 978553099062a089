"""Two daemons of one name, whatever becomes of the files that keep them apart."""

import os
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.station import Station
from tests.support.waiting import wait_for


def test_a_removed_lock_lets_no_second_daemon_in(tmp_path: Path, redis_url: str) -> None:
    """The second one ends with a line, the first keeps its socket, answers, and puts its lock back."""
    pidfile = tmp_path / "pid"
    with Station("--pidfile", str(pidfile), folder=tmp_path, url=redis_url) as station:
        lock = Path(os.environ["XDG_RUNTIME_DIR"]) / "resqd" / "resqd.lock"
        lock.unlink()
        (tmp_path / "second").mkdir()
        flags = ["--app", "steered:app", "--pidfile", str(tmp_path / "second" / "pid")]
        with Daemon(*flags, folder=tmp_path / "second", environ=station._environ) as second:
            assert second.wait() == 1
            assert "a daemon named resqd runs already" in second.output()
            assert "Traceback" not in second.output()
        assert station.call("ping")["pid"] == station.pid
        wait_for(lambda: lock.exists() and lock.read_text() == f"{station.pid}\n", what="the lock is back")
        assert station.stop() == 0
        assert not station.client._paths[0].exists()
        assert not pidfile.exists()


def test_what_another_has_put_in_place_is_not_removed(tmp_path: Path, redis_url: str) -> None:
    """At its end a daemon leaves a socket and a pidfile alone that are not its own any more."""
    pidfile = tmp_path / "pid"
    with Station("--pidfile", str(pidfile), folder=tmp_path, url=redis_url) as station:
        path = station.client._paths[0]
        for file in (path, pidfile):
            file.unlink()
            file.write_text(f"{station.pid}\n")
        assert station.stop() == 0
        assert path.exists()
        assert pidfile.exists()
