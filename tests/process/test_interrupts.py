"""Interrupts that race a job's end: they hit that job or nothing, never the bookkeeping or the next job."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import interrupt_race, stray_race

_ROOT = Path(__file__).parents[2]
TRIALS = 10_000
SECONDS = 4


def run(program: str, argument: int) -> str:
    """What the program says; it must end with 0."""
    environ = {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-X", "faulthandler", program, str(argument)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ten_thousand_interrupts_hit_their_job_or_nothing() -> None:
    """Each trial interrupts a job about when it ends: every job has one outcome, and its thread lives on."""
    struck = int(run(str(interrupt_race.__file__), TRIALS).split()[1])
    if struck < TRIALS // 20:
        pytest.fail(f"only {struck} interrupts came in time: the race was not run")


def test_exceptions_that_others_raise_in_job_threads_lose_no_job() -> None:
    """Of any type, at any moment, several at once: each job has one outcome, and every thread stands in the end."""
    said = run(str(stray_race.__file__), SECONDS).split()
    if int(said[1]) < 500 * SECONDS:
        pytest.fail(f"only {said[1]} exceptions were raised: the race was not run")
