"""What the embedded server's watcher syncs."""

import os
from pathlib import Path

import pytest

from resqd.store.redis.watcher import sync


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were brought to the disk, in order."""
    names: list[str] = []
    monkeypatch.setattr(
        os, "fdatasync", lambda fd: names.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
    )
    return names


def test_what_has_grown_is_synced_once(tmp_path: Path, synced: list[str]) -> None:
    """A file is synced when it is new, has grown or is another of the same name, and left alone while it rests."""
    one, two = tmp_path / "1.aof", tmp_path / "2.aof"
    one.write_bytes(b"a")
    known = sync(str(tmp_path), {})
    known = sync(str(tmp_path), known)
    assert synced == ["1.aof"]
    one.write_bytes(b"ab")
    two.write_bytes(b"a")
    known = sync(str(tmp_path), known)
    assert sorted(synced[1:]) == ["1.aof", "2.aof"]
    (tmp_path / "new").write_bytes(b"ab")
    (tmp_path / "new").rename(one)
    two.unlink()
    known = sync(str(tmp_path), known)
    assert synced[3:] == ["1.aof"]
    assert set(known) == {"1.aof"}


def test_what_cannot_be_synced_is_tried_again(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder that is not there yet nor a disk that fails ends the watcher, and no file is forgotten."""
    assert sync(str(tmp_path / "none"), {}) == {}
    (tmp_path / "1.aof").write_bytes(b"a")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        known = sync(str(tmp_path), {})
    assert known == {}
    sync(str(tmp_path), known)
    assert synced == ["1.aof"]
