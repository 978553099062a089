"""Folders: where they are, and that they are private."""

import os
import pwd
from pathlib import Path

import pytest

from resqd.folders import FolderError, need, private_folder, runtime_folder, state_folder


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


def test_folders_made_on_the_way_are_private_too(tmp_path: Path) -> None:
    """With umask 0 nobody else could write into a parent and put a folder of their own in our place."""
    before = os.umask(0)
    try:
        private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    for name in ("a", "a/b", "a/b/c"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o700


def test_relative_folders_of_the_session_are_ignored() -> None:
    """As the XDG specification asks: each program would find another one."""
    assert runtime_folder({"XDG_RUNTIME_DIR": "run"}).name.startswith("resqd-")
    assert state_folder({"XDG_STATE_HOME": "state", "HOME": "/h"}) == Path("/h/.local/state/resqd")


def test_a_state_folder_that_is_not_utf_8_is_refused() -> None:
    """A URL could not name its socket."""
    with pytest.raises(FolderError, match=r"'/x\\udcff/resqd' is not UTF-8; set XDG_STATE_HOME"):
        state_folder({"XDG_STATE_HOME": "/x\udcff"})


def test_without_a_home_the_line_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME and no passwd entry, as in a container with any user: one line; what needs no home is found."""

    def unknown(_uid: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(FolderError, match=r"HOME is not set .* set XDG_STATE_HOME, or REDIS_URL"):
        state_folder({})
    assert runtime_folder({}).name.startswith("resqd-")


def test_all_folders_that_a_daemon_needs_are_named_at_once(tmp_path: Path) -> None:
    """With the variables that one folder is enough for; the state only where the embedded server is used."""
    nowhere = Path("/proc/nowhere")
    with pytest.raises(FolderError) as refused:
        need(nowhere / "run", {"STATE_DIRECTORY": "/proc/nowhere/state"}, embedded=True)
    text = str(refused.value)
    assert text.count("cannot make the folder /proc/nowhere") == 2
    assert "RUNTIME_DIRECTORY=FOLDER STATE_DIRECTORY=FOLDER" in text
    with pytest.raises(FolderError, match=r"RUNTIME_DIRECTORY=FOLDER$"):
        need(nowhere, {}, embedded=False)
    one = tmp_path / "one"
    need(one, {"STATE_DIRECTORY": str(one)}, embedded=True)
    assert one.stat().st_mode & 0o777 == 0o700
