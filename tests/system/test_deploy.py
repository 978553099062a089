"""Deploys that put each release into a folder of its own and point a link at the newest."""

import shutil
import signal
from pathlib import Path

from resqd.app import App
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, resqd
app = resqd.App()

@app.job(queue="q", name="Which")
def which():
    with open(os.environ["NOTES"], "a") as notes:
        notes.write("RELEASE ")
"""


class Releases:
    """Two releases and the link; a daemon that was started at the link, as a shell would."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        self.notes.touch()
        self.current = folder / "current"
        for name in ("r1", "r2"):
            (folder / name).mkdir()
            (folder / name / "deployed.py").write_text(_JOBS.replace("RELEASE", name))
        self.point_to("r1")
        self.app = App(url)

    def point_to(self, name: str) -> None:
        new = self.folder / "new"
        new.symlink_to(name)
        new.replace(self.current)

    def daemon(self, url: str, **environ: str) -> Daemon:
        return Daemon(
            *("--app", "deployed:app", "--queues", "q"),
            folder=self.folder,
            environ={"REDIS_URL": url, "NOTES": str(self.notes)} | environ,
            cwd=self.current,
        )

    def runs(self, release: str) -> None:
        """Until a job says so."""

        def said() -> bool:
            self.app.enqueue_to("q", "Which")
            return release in self.notes.read_text().split()

        wait_for(said, 20, what=f"{release} runs; {self.notes.read_text()}", every=0.1)


def test_a_reload_follows_the_link(tmp_path: Path, redis_url: str) -> None:
    """The trial and the new program alike, also when the old release is gone, and again at the next reload."""
    releases = Releases(tmp_path, redis_url)
    with releases.daemon(redis_url, PWD=str(releases.current)) as running:
        releases.runs("r1")
        releases.point_to("r2")
        shutil.rmtree(tmp_path / "r1")
        running.send(signal.SIGHUP)
        running.wait_for_line(rf"trying to import the new code in {releases.current} first")
        releases.runs("r2")
        shutil.copytree(tmp_path / "r2", tmp_path / "r3")
        (tmp_path / "r3" / "deployed.py").write_text(_JOBS.replace("RELEASE", "r3"))
        releases.point_to("r3")
        running.send(signal.SIGHUP)
        releases.runs("r3")
        assert running.stop() == 0


def test_a_reload_of_what_is_gone_changes_nothing(tmp_path: Path, redis_url: str) -> None:
    """Where nobody has named the folder and it is deleted, or the link leads nowhere: one line, and the old code."""
    releases = Releases(tmp_path, redis_url)
    with releases.daemon(redis_url, PWD="/") as running:
        releases.runs("r1")
        shutil.rmtree(tmp_path / "r1")
        running.send(signal.SIGHUP)
        running.wait_for_line(
            rf"not reloaded: cannot enter {tmp_path}/r1: No such file or directory; restart"
        )
        releases.notes.write_text("")
        releases.runs("r1")
        assert running.stop() == 0
        assert "Traceback" not in running.output()
