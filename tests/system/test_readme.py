"""The README's Python is run, block after block, as one program."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import redis

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MOST_LINES = 350


def test_the_manual_stays_one_that_people_read() -> None:
    """What is longer belongs into resqd/manual, with a line in the README that leads there."""
    assert len(README.read_text().splitlines()) <= MOST_LINES


PAGES = ("jobs", "cron", "resque", "web")
"""Pages of the long manual with Python in them, in the order in which their blocks make one program."""
BEFORE = """
import threading, types
from datetime import UTC, datetime
from uuid import UUID, uuid4
import resqd

order = types.SimpleNamespace(id=uuid4())

def work():
    while resqd.testing and not ended.wait(0.01):
        app.run_one("reports")

ended = threading.Event()
"""


def test_every_python_block_of_the_long_manual_runs(tmp_path: Path, redis_url: str) -> None:
    """As one program on a real server; where a block waits for a result, a thread runs the job."""
    blocks = []
    for page in PAGES:
        text = (ROOT / "resqd" / "manual" / f"{page}.md").read_text()
        blocks += re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    [waiting] = [number for number, block in enumerate(blocks) if "result.wait(" in block]
    blocks[waiting] = f"threading.Thread(target=work).start()\n{blocks[waiting]}\nended.set()\n"
    cron = next(number for number, block in enumerate(blocks) if "app.cron(" in block)
    jobs = "cleanup, report = (app.job(name=name)(lambda: None) for name in ('cleanup', 'report'))\n"
    blocks[cron] = jobs + blocks[cron]
    (tmp_path / "long_example.py").write_text(BEFORE + "\n\n".join(blocks))
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "REDIS_URL": redis_url}
    environ["RESQD_KEYS"] = base64.b64encode(bytes(32)).decode()
    done = subprocess.run(
        [sys.executable, "-c", "import long_example as m; print(m.batch, m.flow, m.uuid)"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\n42\n" in done.stdout


def test_every_python_block_runs(tmp_path: Path, redis_url: str, redis_client: redis.Redis) -> None:
    """Those of "Writing jobs" are one module: it registers, enqueues, delays and schedules on a real server.

    The first job's block is played by test_first_steps and test_first_hour. Functions of jobs are not called.
    """
    text = README.read_text()
    first = text.partition("## A first job")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```$", text.replace(first, ""), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    (tmp_path / "manual_example.py").write_text("\n\n".join(blocks))
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "REDIS_URL": redis_url}
    done = subprocess.run(
        [sys.executable, "-c", "import manual_example as m; print(sorted(m.app.jobs))"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "'Archive', 'manual_example.deliver', 'manual_example.send_welcome'" in done.stdout
    assert redis_client.llen("resque:queue:mail") == 5  # one, three, and one at the front
    low = cast("list[bytes]", redis_client.lrange("resque:queue:low", 0, -1))
    assert len(low) == 1
