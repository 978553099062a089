"""Folders: where they are, and that they are private."""

from pathlib import Path

import pytest

from resqd.folders import FolderError, private_folder, runtime_folder, state_folder


def test_the_runtime_folder_follows_systemd_then_the_session_then_tmp() -> None:
    """The first of several systemd folders is taken; without any, one in /tmp with our uid."""
    assert runtime_folder({"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/x"}) == Path("/run/a")
    assert runtime_folder({"XDG_RUNTIME_DIR": "/x"}) == Path("/x/resqd")
    assert runtime_folder({}).name.startswith("resqd-")


def test_the_state_folder_follows_systemd_then_the_session_then_home() -> None:
    """STATE_DIRECTORY, XDG_STATE_HOME, ~/.local/state, in this order."""
    assert state_folder({"STATE_DIRECTORY": "/s", "XDG_STATE_HOME": "/x"}) == Path("/s")
    assert state_folder({"XDG_STATE_HOME": "/x", "HOME": "/h"}) == Path("/x/resqd")
    assert state_folder({"HOME": "/h"}) == Path("/h/.local/state/resqd")


def test_a_private_folder_is_made_for_us_alone(tmp_path: Path) -> None:
    """It is made with its parents, mode 0700, and found again."""
    made = private_folder(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert private_folder(made) == made


def test_a_folder_that_others_could_have_prepared_is_refused(tmp_path: Path) -> None:
    """A link, a file, or a folder open to others' writes is not used."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name in ("link", "file", "open"):
        with pytest.raises(FolderError, match=name):
            private_folder(tmp_path / name)
