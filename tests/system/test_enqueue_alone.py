"""Enqueueing from Python while nothing runs."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
CODE = """
import resqd

app = resqd.App()


@app.job(queue="mail")
def welcome(name):
    pass


if __name__ == "__main__":
    {first}
    welcome.enqueue("Ada")
    print(app.size("mail"))
"""


def run(folder: Path, first: str = "pass", **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "jobs.py").write_text(CODE.format(first=first))
    given = {**os.environ, "PYTHONPATH": str(_ROOT), **environ}
    command = [sys.executable, "jobs.py"]
    return subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_embedded_server_is_started_and_keeps_the_job(tmp_path: Path) -> None:
    """It ends with its last user; the next one finds what was enqueued."""
    for count in ("1", "2"):
        ended = run(tmp_path)
        assert (ended.stdout.strip(), ended.returncode) == (count, 0), ended.stderr


def test_where_it_cannot_the_message_says_what_to_do(tmp_path: Path) -> None:
    """A folder that is missing, and a wheel that is."""
    ended = run(tmp_path, XDG_STATE_HOME="/proc/nowhere")
    assert "FolderError: cannot make the folder /proc/nowhere" in ended.stderr
    without = "import resqd.store.redis.default as d; d.server_binary = lambda: None"
    without += "; d.default_url = lambda _: ('redis://localhost:1/0', '')"
    ended = run(tmp_path, without)
    assert "REDIS_URL is not set: set it, or pip install 'resqd[embedded]'" in ended.stderr.splitlines()[-1]
