"""The files that pause the daemon, and what the master is told of them."""

import os
from pathlib import Path

import pytest

from resqd.housekeeper.pause_files import TELL_EVERY, PauseFiles, first_existing
from resqd.wire.messages import Message, PauseFile


def test_changes_are_told_once(tmp_path: Path) -> None:
    """The first look is always told, since a file may have gone while nobody looked; then what changes."""
    said: list[Message] = []
    files = PauseFiles(paths=[tmp_path / "a", tmp_path / "b"], say=said.append)
    files.look()
    (tmp_path / "b").touch()
    files.look()
    files.look()
    (tmp_path / "a").touch()
    files.look()
    (tmp_path / "a").unlink()
    (tmp_path / "b").unlink()
    files.look()
    told = ["", str(tmp_path / "b"), str(tmp_path / "a"), ""]
    assert said == [PauseFile(path) for path in told]


def test_the_state_is_told_again(tmp_path: Path) -> None:
    """A message that was refused is made good by a later one."""
    said: list[Message] = []
    files = PauseFiles(paths=[tmp_path / "a"], say=said.append)
    for _ in range(2 * TELL_EVERY):
        files.look()
    assert said == 3 * [PauseFile("")]


def test_a_file_that_cannot_be_looked_at_does_not_exist(tmp_path: Path) -> None:
    """A file where a folder should be, or a NUL in a name: no error, no pause."""
    (tmp_path / "a").touch()
    assert first_existing([tmp_path / "a" / "b", Path("nul\0byte")]) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_strangers_file_where_anybody_may_put_one_does_not_pause(tmp_path: Path) -> None:
    """In /tmp only root's and our own files count, links not followed; elsewhere whoever may write there may pause."""
    shared, closed = tmp_path / "shared", tmp_path / "closed"
    for folder, mode in ((shared, 0o1777), (closed, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
        (folder / "file").touch()
        (folder / "link").symlink_to("/")
        (folder / "ours").touch()
        for name in ("file", "link"):
            os.chown(folder / name, 12345, 12345, follow_symlinks=False)
    assert first_existing([shared / "file", shared / "link"]) == ""
    assert first_existing([shared / "ours"]) == str(shared / "ours")
    assert first_existing([closed / "file"]) == str(closed / "file")
