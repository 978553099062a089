"""The demo does what it says: every file hashed by forked workers, checked, and nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(_ROOT / "bin" / "demo_run.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_hashes_a_folder_and_leaves_nothing(tmp_path: Path) -> None:
    """120 files make at least three forks of 50 jobs; sums and digests agree; the daemon and its server are gone."""
    for number in range(120):
        (tmp_path / f"file {number}.txt").write_text(f"{number}\n" * number)
    done = demo(str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["files"], outcome["failures"], outcome["differences"]) == (120, 0, 0)
    assert outcome["lines"] == sum(range(120))
    assert outcome["bytes"] == sum(path.stat().st_size for path in tmp_path.glob("file *"))
    assert outcome["digests_checked"] == 120
    assert outcome["forks"] >= 3


def test_an_empty_folder_is_one_clear_line(tmp_path: Path) -> None:
    """Nothing to do is an error that names the folder."""
    done = demo(str(tmp_path))
    assert done.returncode == 1
    assert "no readable files" in done.stdout
