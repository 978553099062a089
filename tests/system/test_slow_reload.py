"""While a reload imports the new code for a long time, systemd and resqctl hear from the daemon all the same."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from resqd.cli.client import RefusedError
from tests.support.station import JOBS, Station
from tests.support.waiting import wait_for

WATCHDOG = 3.0
SLOW = """
folder = Path(os.environ["STEERED_FOLDER"])
if "RESQD_HANDOVER_FORMAT" not in os.environ:  # not in the trial
    (folder / "importing").touch()
    until = time.monotonic() + 30
    while not (folder / "go").exists() and time.monotonic() < until:
        time.sleep(0.01)


@app.hooks.before_fork
def look() -> None:
    (folder / "at_fork").write_text(str(len(os.listdir("/proc/self/task"))))
"""


class Beats:
    """A socket in systemd's place: when each beat came, and whose it was."""

    def __init__(self, path: Path) -> None:
        self.at: list[float] = []
        self.pids: set[int] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))
        self._socket.settimeout(0.1)
        self._over = threading.Event()

    def listen(self) -> None:
        while not self._over.is_set():
            try:
                message, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except TimeoutError:
                continue
            if b"WATCHDOG=1" in message:
                self.at.append(time.monotonic())
                self.pids |= {struct.unpack("3i", data)[0] for _, _, data in ancillary}

    @contextmanager
    def heard(self) -> Iterator[None]:
        thread = threading.Thread(target=self.listen)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self._socket.close()

    def longest_pause(self) -> float:
        return max(later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False))


def test_a_long_import_leaves_nobody_without_an_answer(tmp_path: Path, redis_url: str) -> None:
    """Beats of the main process, pongs all the time; other calls are done at its end, or refused with a line in time.
    Nothing of this is left when the master forks."""
    beats = Beats(tmp_path / "notify")
    with (
        beats.heard(),
        Station(
            folder=tmp_path,
            url=redis_url,
            workers=1,
            NOTIFY_SOCKET=str(tmp_path / "notify"),
            WATCHDOG_USEC=str(int(WATCHDOG * 1e6)),
        ) as station,
        ThreadPoolExecutor() as threads,
    ):
        old = set(station.pids())
        station.code.write_text(JOBS.read_text() + SLOW)
        station.call("reload")
        wait_for((tmp_path / "importing").exists, what="the new program imports")
        refused = threads.submit(station.client.call, "pause", timeout=10)
        pongs = 0
        while not refused.done():
            began = time.monotonic()
            assert station.client.call("ping", timeout=5)["pid"] == station.pid
            assert time.monotonic() - began < 1
            pongs += 1
            time.sleep(0.01)
        with pytest.raises(RefusedError, match=r"the daemon is loading its new code, for \d+ s by now"):
            refused.result()
        assert pongs > 50
        answered = threads.submit(station.client.call, "status", timeout=10)
        (tmp_path / "go").touch()
        assert answered.result()["status"]["state"] == "running"
        wait_for(lambda: station.all_booted() and not old & set(station.pids()), 20, what="rolled over")
        assert int((tmp_path / "at_fork").read_text()) == 1
        assert beats.pids == {station.pid}
        assert beats.longest_pause() < WATCHDOG
        assert station.stop() == 0
    assert "Traceback" not in station.output()
