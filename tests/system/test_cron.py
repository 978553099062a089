"""Jobs that recur, with a real daemon on a real clock: each second once, and the commands that change that."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import redis

from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_JOBS = """
import os, time, resqd
app = resqd.App(name="ticker", release=7)

@app.job(queue="q", name="Tick")
def tick(path, name):
    with open(path, "a") as file:
        print(resqd.current_job().id, time.time(), file=file)

if "CRON_FILE" in os.environ:
    tick.every("1s", args=[os.environ["CRON_FILE"], "code"], name="code")
"""


def resqd_cron(*arguments: str, status: int = 0) -> Any:
    """What `resqd cron ... --json` says."""
    done = subprocess.run(
        [sys.executable, "-m", "resqd", "cron", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done
    return json.loads(done.stdout)


def start(folder: Path, redis_url: str, name: str) -> Daemon:
    (folder / "cron_jobs.py").write_text(_JOBS)
    paths = f"{Path(__file__).parents[2]}:{folder}"
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "HEARTBEAT_INTERVAL": "0.5"}
    logs = folder / name
    logs.mkdir()
    return Daemon("--app", "cron_jobs:app", "--queues", "q", "--name", name, folder=logs, environ=environ)


def test_an_entry_in_code_ticks_and_goes_with_it(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, monkeypatch: Any
) -> None:
    """Its daemon ticks each second once, also over the SIGKILL of its housekeeper and a reload that drops it."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("CRON_FILE", str(tmp_path / "ran"))
    with start(tmp_path, redis_url, "one") as one:
        wait_for(lambda: len(ran(tmp_path / "ran")) >= 2, 20, what="two ticks")
        (housekeeper,) = one.titled("housekeeper")
        housekeeper.kill()
        (shown,) = resqd_cron("list")
        assert (shown["app"], shown["schedule"], shown["declared"]) == ("ticker", "every 1s", True)
        refused = resqd_cron("remove", "code", status=1)
        assert "declared in the code of ticker" in refused["error"]
        wait_for(lambda: len(ran(tmp_path / "ran")) >= 5, 20, what="it goes on")
        text = (tmp_path / "cron_jobs.py").read_text().replace('"CRON_FILE" in os.environ', "False")
        (tmp_path / "cron_jobs.py").write_text(text)
        one.send(signal.SIGHUP)
        wait_for(lambda: not redis_client.hlen("resque:resqd:cron"), 20, what="the entry is gone")
        assert one.stop() == 0
    ids = [job_id for job_id, _ in ran(tmp_path / "ran")]
    dues = sorted(int(each.rsplit(":", 1)[1]) for each in ids)
    assert dues == list(range(dues[0], dues[-1] + 1))


def ran(file: Path) -> list[tuple[str, float]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [(job_id, float(at)) for job_id, at in (line.split() for line in lines)]


def test_a_job_runs_each_second_once_with_two_daemons(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis, monkeypatch: Any
) -> None:
    """An entry that is added while they run is noticed; paused it stops, and resumed and by hand it runs again."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    file = tmp_path / "ran"
    resqd_cron("add", "heart", "every 1s", "Tick", json.dumps(str(file)), '"heart"', "--queue", "q")
    with start(tmp_path, redis_url, "one") as one, start(tmp_path, redis_url, "two") as two:
        wait_for(lambda: len(ran(file)) >= 4, 20, what="four ticks")
        resqd_cron("pause", "heart")
        (shown,) = resqd_cron("list")
        assert shown["paused"]
        assert shown["next"] is None
        until = shown["runs"][0]["due"]
        wait_for(lambda: str(until) in file.read_text(), what="the last tick ran")
        run_by_hand = resqd_cron("run", "heart")["id"]
        wait_for(lambda: run_by_hand in file.read_text(), what="the run by hand")
        resqd_cron("resume", "heart")
        assert [each["name"] for each in resqd_cron("next", "heart", "--count", "3")] == ["heart"] * 3
        wait_for(lambda: any(at > time.time() - 1 for _, at in ran(file)), 20, what="it goes on")
        assert (one.stop(), two.stop()) == (0, 0)
    ids = Counter(job_id for job_id, _ in ran(file))
    dues = sorted(int(job_id.rsplit(":", 1)[1]) for job_id in ids if job_id != run_by_hand)
    before = [due for due in dues if due <= until]
    assert set(ids.values()) == {1}
    assert before == list(range(before[0], until + 1))
    assert all(at >= int(job_id.rsplit(":", 1)[1]) for job_id, at in ran(file) if job_id != run_by_hand)
    resqd_cron("remove", "heart")
    assert resqd_cron("list") == []
    assert redis_client.zcard("resque:resqd:cron:next") == 0


def test_what_cannot_be_is_said_in_one_line(redis_url: str, monkeypatch: Any) -> None:
    """By a status of its kind, also in JSON."""
    monkeypatch.setenv("REDIS_URL", redis_url)
    resqd_cron("add", "nightly", "0 3 * * *", "Tick", "--tz", "Europe/Berlin")
    assert (
        resqd_cron("run", "nightl", status=1)["error"] == "there is no cron entry 'nightl'; there are nightly"
    )
    for arguments, said in {
        ("a", "0 25 * * *", "Tick"): "bad hour",
        ("a", "every soon", "Tick"): "'soon' is no duration",
        ("a", "@daily", "Tick", "--tz", "Mars"): "there is no time zone 'Mars'",
        ("a", "@daily", "Tick", "{"): "is not JSON",
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "resqd", "cron", "add", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr
