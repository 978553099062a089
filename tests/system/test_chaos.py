"""A short chaos run: 50 kills, and not a job lost. The long one is a command: tests/system/chaos.py."""

import shutil
from pathlib import Path

import pytest

from resqd.store.redis.embedded import server_binary
from tests.support.chaos.run import run

SEED = 4
KILLS, SECONDS = 50, 15


@pytest.mark.parametrize("server", ["valkey", "redis"])
def test_nothing_is_lost_whatever_is_killed_and_whenever(server: str, tmp_path: Path) -> None:
    """Every job that was pushed ran or failed; none ran again unless a process that had it came to a bad end."""
    binary = server_binary() if server == "valkey" else shutil.which("redis-server")
    if binary is None:
        pytest.skip(f"no {server} on this machine")
    outcome = run(seed=SEED, kills=KILLS, seconds=SECONDS, binary=Path(binary), folder=tmp_path)
    assert (outcome.lost, outcome.unexplained, outcome.at_once, outcome.queued) == ([], [], [], 0), (
        outcome.report()
    )
    assert outcome.executed + outcome.failed + outcome.cancelled >= outcome.jobs > 500, outcome.report()
    assert (outcome.both, outcome.cancelled > 30) == ([], True), outcome.report()
    assert (outcome.locks, outcome.unique > 20) == (0, True), outcome.report()
    assert outcome.slots == 0, outcome.report()
    assert outcome.ticks > SECONDS / 3, outcome.report()
    assert outcome.tried, outcome.report()
    assert outcome.miscounted == [], outcome.report()
    assert (outcome.misled, outcome.batches > 20) == ([], True), outcome.report()
    assert outcome.slowest_recovery_s < 5, outcome.report()
