"""The release before this one and this one on one Redis, and a reload from each to the other."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
BEFORE = "bb3e48a30762"
"""The last commit before jobs could wait, be retried, and be limited."""
JOBS = """
import os, time
import resqd

app = resqd.App()
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@app.job(queue="q", name="mark")
def mark(number):
    os.write(journal, b"%d\\n" % number)
    time.sleep(0.002)
"""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of the release before, out of the history."""
    folder = tmp_path_factory.mktemp("before")
    command = ["git", "archive", BEFORE, "resqd"]
    packed = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, timeout=60)
    if packed.returncode != 0:
        pytest.skip(f"the release before is not in this checkout's history: {packed.stderr.decode().strip()}")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True, timeout=60)
    return folder


class Scene:
    """Daemons of both releases over one Redis; each job notes that it ran."""

    def __init__(self, folder: Path, url: str, before: Path) -> None:
        self.folder = folder
        self.url = url
        self.trees = {"before": before, "now": ROOT}
        self.client = redis.Redis.from_url(url)
        self.pushed = 0
        self.daemons: list[Daemon] = []
        (folder / "marking.py").write_text(JOBS)

    def environ(self, name: str, code: Path) -> dict[str, str]:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return {
            "PYTHONPATH": f"{code}{os.pathsep}{self.folder}",
            "REDIS_URL": self.url,
            "JOURNAL": str(self.folder / "journal"),
            "QUEUES": "q",
            "RESQD_APP": "marking:app",
            "RESQD_NAME": name,
            "RUNTIME_DIRECTORY": str(place),
            "WORKER_COUNT": "2",
            "THREAD_COUNT": "2",
            "JOBS_PER_FORK": "100",
        }

    def start(self, name: str, code: Path) -> Daemon:
        """A daemon that runs this code, and is ready."""
        place = self.folder / name
        environ = self.environ(name, code)
        daemon = Daemon(folder=place, environ=environ, cwd=self.folder).start()
        self.daemons.append(daemon)
        wait_for(lambda: daemon.titled("worker"), 20, what=f"{name} has workers")
        return daemon

    def push(self, count: int) -> None:
        """So many jobs, as any program pushes them."""
        with self.client.pipeline() as pipeline:
            pipeline.sadd("resque:queues", "q")
            for _ in range(count):
                self.pushed += 1
                pipeline.rpush("resque:queue:q", json.dumps({"class": "mark", "args": [self.pushed]}))
            pipeline.execute()

    def ran(self) -> Counter[int]:
        """How often each job has run."""
        journal = self.folder / "journal"
        return Counter(map(int, journal.read_text().split())) if journal.exists() else Counter()

    def all_ran(self) -> bool:
        return len(self.ran()) == self.pushed

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.__exit__(None, None, None)
        self.client.close()


@pytest.fixture
def scene(tmp_path: Path, redis_url: str, before: Path) -> Iterator[Scene]:
    """Ends its daemons with the test."""
    made = Scene(tmp_path, redis_url, before)
    yield made
    made.close()


@pytest.mark.long
def test_both_releases_serve_one_redis(scene: Scene) -> None:
    """One daemon after the other is replaced, each way: every job runs once, and nothing is left in flight."""
    daemons = {}
    for name, code in (("a", "before"), ("b", "now")):
        daemons[name] = scene.start(name, scene.trees[code])
        scene.push(500)
    for name, code in (("a", "now"), ("b", "before"), ("a", "before"), ("b", "now")):
        scene.push(500)
        assert daemons[name].stop() == 0
        daemons[name] = scene.start(name, scene.trees[code])
    scene.push(500)
    wait_for(scene.all_ran, 30, what="all jobs ran")
    for daemon in daemons.values():
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.output()
    assert set(scene.ran().values()) == {1}
    assert scene.client.keys("resque:resqd:inflight:*") == []
    assert int(scene.client.get("resque:stat:processed") or 0) == scene.pushed


@pytest.mark.long
@pytest.mark.parametrize("other", ["before", "now"])
def test_what_dies_of_one_is_brought_back_by_the_other(scene: Scene, other: str) -> None:
    """The host of a killed daemon has one of the other release left, which knows what was in flight."""
    code = {"before": "now", "now": "before"}[other]
    scene.start("left", scene.trees[other])
    victim = scene.start("victim", scene.trees[code])
    scene.push(3000)
    wait_for(lambda: len(scene.ran()) > 300, 20, what="jobs run")
    for process in victim.tree():
        process.kill()
    wait_for(scene.all_ran, 40, what="all jobs ran")
    twice = sum(times - 1 for times in scene.ran().values())
    assert twice <= 60, "those that the victim had begun, and not told the end of"


@pytest.mark.long
@pytest.mark.parametrize(("first", "second"), [("before", "now"), ("now", "before")])
def test_a_reload_across_is_refused_in_one_sentence(scene: Scene, first: str, second: str) -> None:
    """And the daemon goes on: what the two programs hand over is not alike."""
    current = scene.folder / "current"
    current.symlink_to(scene.trees[first])
    daemon = scene.start("one", current)
    scene.push(200)
    current.unlink()
    current.symlink_to(scene.trees[second])
    command = [sys.executable, "-c", "from resqd.cli.resqctl import main; main()", "reload"]
    environ = {**os.environ, **scene.environ("one", current)}
    told = subprocess.run(
        command, check=False, env=environ, capture_output=True, text=True, timeout=60, cwd=scene.folder
    )
    said = told.stdout + told.stderr
    assert told.returncode == 1, said
    assert "restart instead of reloading" in said
    assert "Traceback" not in said
    scene.push(200)
    wait_for(scene.all_ran, 20, what="all jobs ran")
    assert daemon.stop() == 0
    assert set(scene.ran().values()) == {1}
