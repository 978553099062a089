"""The files that pause the daemon, and what the master is told of them."""

from pathlib import Path

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
