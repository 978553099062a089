"""Interrupts that race a job's end: they hit that job or nothing, never the bookkeeping or the next job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import interrupt_race

_ROOT = Path(__file__).parents[2]
TRIALS = 10_000


def test_ten_thousand_interrupts_hit_their_job_or_nothing() -> None:
    """Each trial interrupts a job about when it ends: every job has one outcome, and its thread lives on."""
    environ = {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-X", "faulthandler", str(interrupt_race.__file__), str(TRIALS)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    struck = int(done.stdout.split()[1])
    if struck < TRIALS // 20:
        pytest.fail(f"only {struck} interrupts came in time: the race was not run")
