"""The housekeeper's look at the embedded server's watcher."""

import fcntl
import logging
import os
from pathlib import Path

import pytest

from resqd.store.redis import watcher
from resqd.store.redis.embedded import Embedded, Rewatch


def embedded(folder: Path) -> Embedded:
    return Embedded(url="unix:///none", description="none", descriptor=-1, folder=folder)


def test_a_trouble_that_stays_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that cannot be started ends no thread and fills no log; each look tries again."""
    caplog.set_level(logging.ERROR, logger="resqd")
    monkeypatch.setattr(logging.getLogger("resqd"), "propagate", True)
    rewatch = Rewatch(embedded(tmp_path / "gone"))
    for _ in range(3):
        rewatch.look()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "nobody watches the embedded server"
    ]


def test_a_server_that_is_watched_is_left_alone(tmp_path: Path) -> None:
    """Whoever holds the watcher's lock watches; no second one is started beside it."""
    lock = os.open(tmp_path / watcher.WATCHER, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        assert embedded(tmp_path).rewatch() is False
    finally:
        os.close(lock)
    assert os.listdir(tmp_path) == [watcher.WATCHER]
