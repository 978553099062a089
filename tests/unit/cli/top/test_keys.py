"""Bytes of a terminal become keys."""

from __future__ import annotations

import os
import pty
import signal
import termios

import pytest

from resqd.cli.top.keys import RESIZED, WOKEN, keyboard, keys_in
from resqd.clock import Deadline


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ["q"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA\x1b[5~\x1b[6~\x1b[H\x1bOF", ["up", "page up", "page down", "home", "end"]),
        (b"\x1b", ["escape"]),
        (b"/ab\r", ["/", "a", "b", "enter"]),
        ("ü".encode(), ["ü"]),
        (b"\x7f\x03", ["backspace", "ctrl c"]),
        (b"\x1b[1;5C\x1b[24~x", ["x"]),
        (b"\xff", ["\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_bytes_become_keys(data: bytes, keys: list[str]) -> None:
    """Sequences that have no name are passed over and no letters of them come through."""
    assert keys_in(data) == keys


def test_a_keyboard_gives_keys_one_by_one_and_restores_the_terminal() -> None:
    """Without Enter and without an echo; Ctrl-C is a key; a sequence that comes in two parts is one key."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with keyboard(theirs) as keys:
        os.write(ours, b"q\x03")
        assert keys.wait(Deadline.after(10)) == ["q", "ctrl c"]
        os.write(ours, b"\x1b")
        os.write(ours, b"[B")
        assert keys.wait(Deadline.after(10)) == ["down"]
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_new_size_and_a_wake_end_the_wait() -> None:
    """So does the deadline, without a key."""
    ours, theirs = pty.openpty()
    with keyboard(theirs) as keys:
        keys.wake()
        assert keys.wait(Deadline.after(10)) == [WOKEN]
        os.kill(os.getpid(), signal.SIGWINCH)
        assert keys.wait(Deadline.after(10)) == [RESIZED]
        assert keys.wait(Deadline.after(0)) == []
    os.close(ours)
    os.close(theirs)


def test_a_window_that_was_closed_leaves() -> None:
    """Reading fails then."""
    ours, theirs = pty.openpty()
    with keyboard(theirs) as keys:
        os.close(ours)
        assert keys.wait(Deadline.after(10)) == ["ctrl c"]
        ours, other = pty.openpty()
        os.dup2(other, theirs)  # a terminal again, for the state to be put back to
        os.close(other)
    os.close(ours)
    os.close(theirs)


def test_term_leaves_through_the_finally_blocks() -> None:
    """So the terminal is put back, and the exit status tells the signal."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with pytest.raises(SystemExit) as ended, keyboard(theirs):
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert termios.tcgetattr(theirs) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    os.close(ours)
    os.close(theirs)
