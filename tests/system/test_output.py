"""An output that takes nothing: what was done stays done, and the exit status says so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_ENQUEUE = ["enqueue", "Envoyé", "--queue", "mail"]
_JOBS = """
import resqd

app = resqd.App()


@app.job(queue="mail")
def speak():
    print("spoken")
"""
_RESQCTL = "from resqd.cli.resqctl import main; main()"


def resqd(url: str, *words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run `resqd`, with stderr caught unless `how` says otherwise."""
    how = {"stderr": subprocess.PIPE, **how}
    command = [sys.executable, "-m", "resqd", *words]
    environ = {**os.environ, "REDIS_URL": url, **how.pop("env", {})}
    return subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, text=True, check=False, timeout=30, **how
    )


@pytest.mark.parametrize("environ", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_push_whose_report_is_lost_is_a_push(
    redis_url: str, redis_client: redis.Redis, environ: dict[str, str]
) -> None:
    """With a full disk under stdout, and with nobody behind it, status 0, and a line on stderr says what is amiss."""
    with Path("/dev/full").open("w") as full:
        done = resqd(redis_url, *_ENQUEUE, stdout=full, env=environ)
    lost = "resqd: this was done, but stdout does not take the report of it: "
    assert (done.returncode, done.stderr) == (0, f"{lost}No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = resqd(redis_url, *_ENQUEUE, stdout=writing, env=environ)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, f"{lost}Broken pipe\n")
    assert redis_client.llen("resque:queue:mail") == 2


def test_an_encoding_without_a_letter_stops_no_report(redis_url: str, redis_client: redis.Redis) -> None:
    """A class that stdout's encoding cannot write is pushed once, and told with escapes, in tables as well."""
    told = {"env": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, "stdout": subprocess.PIPE}
    done = resqd(redis_url, "enqueue", "Envoyé", "--queue", "Ж", **told)
    assert (done.returncode, done.stderr) == (0, "")
    shown = resqd(redis_url, "queues", **{**told, "env": {"PYTHONIOENCODING": "latin-1"}})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u0416" in shown.stdout
    assert redis_client.llen("resque:queue:Ж") == 1


def test_a_list_that_cannot_be_written_is_one_line_and_1(redis_url: str) -> None:
    """Where the output is all that a command is for, it was not done; a reader that has gone is not complained of."""
    with Path("/dev/full").open("w") as full:
        shown = resqd(redis_url, "queues", "--json", stdout=full)
    assert (shown.returncode, shown.stderr) == (
        1,
        "resqd: cannot write the output: No space left on device\n",
    )
    reading, writing = os.pipe()
    os.close(reading)
    shown = resqd(redis_url, "queues", "--json", stdout=writing)
    os.close(writing)
    assert (shown.returncode, shown.stderr) == (1, "")


def test_the_status_of_an_error_outlives_its_line() -> None:
    """A full stderr leaves the exit status what it was: 3 for a Redis that is not there."""
    with Path("/dev/full").open("w") as full:
        failed = resqd("redis://localhost:1", "queues", "--json", stdout=full, stderr=full)
    assert failed.returncode == 3


@pytest.mark.parametrize("words", [_ENQUEUE, ["queues"], ["failed", "list"], ["peek", "mail"]])
def test_commands_work_without_standard_streams(redis_url: str, words: list[str]) -> None:
    """With descriptors 0, 1 and 2 closed, a command does what it does and ends with 0."""
    program = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "resqd", *words]
    environ = {**os.environ, "REDIS_URL": redis_url}
    assert subprocess.run(program, env=environ, check=False, timeout=30).returncode == 0


def test_a_daemon_runs_jobs_without_standard_streams(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """`resqd start >&-` forks, and a job that prints is done; so does resqctl without its streams."""
    (tmp_path / "closed_jobs.py").write_text(_JOBS)
    flags = ["start", "--app", "closed_jobs:app", "--queues", "mail", "--redis-url", redis_url]
    program = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable]
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": paths}
    daemon = subprocess.Popen([*program, "-m", "resqd", *flags], env=environ, cwd=tmp_path)
    try:
        for _ in range(3):
            redis_client.rpush("resque:queue:mail", json.dumps({"class": "closed_jobs.speak", "args": []}))
        wait_for(lambda: redis_client.get("resque:stat:processed") == b"3", what="the jobs were done")
        assert not redis_client.exists("resque:failed")
    finally:
        stopped = subprocess.run([*program, "-c", _RESQCTL, "stop"], check=False, timeout=30)
        daemon.kill()
        status = daemon.wait(10)
    assert (stopped.returncode, status) == (0, 0)


def test_an_application_that_takes_stdout_away_does_not_end_the_master(
    tmp_path: Path, redis_url: str, redis_client: redis.Redis
) -> None:
    """What an application puts in stdout's place may lack `flush`; workers are forked all the same."""
    (tmp_path / "odd_jobs.py").write_text(
        f"import sys\nsys.stdout = object()\n{_JOBS.replace('print', 'str')}"
    )
    flags = ("--app", "odd_jobs:app", "--queues", "mail", "--redis-url", redis_url)
    redis_client.rpush("resque:queue:mail", json.dumps({"class": "odd_jobs.speak", "args": []}))
    with Daemon(*flags, folder=tmp_path, environ={"PYTHONPATH": str(tmp_path)}) as daemon:
        wait_for(lambda: redis_client.get("resque:stat:processed") == b"1", what="the job was done")
        assert daemon.stop() == 0
