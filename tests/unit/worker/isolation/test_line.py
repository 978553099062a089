"""The socket between a job's process and the thread that waits for it."""

import os
import socket
from collections.abc import Iterator

import pytest

from resqd.worker.isolation.line import CURSOR, LATE, LEAVE, OUTCOME, PROCESS, Line, close_all


@pytest.fixture
def lines() -> Iterator[tuple[Line, Line]]:
    one, other = map(Line, socket.socketpair())
    yield one, other
    one.close()
    other.close()


def test_frames_come_whole_however_they_are_cut(lines: tuple[Line, Line]) -> None:
    """Several at once, and one in parts."""
    process, thread = lines
    process.send(CURSOR, b"x" * 10)
    process.send(OUTCOME)
    came: list[int] = []
    assert thread.receive(came) == [(CURSOR, b"x" * 10), (OUTCOME, b"")]
    process.socket.sendall(b"C\x03\0\0\0a")
    assert thread.receive(came) == []
    process.socket.sendall(b"bcO")
    assert thread.receive(came) == [(CURSOR, b"abc")]
    process.close()
    assert (thread.receive(came), came) == (None, [])


def test_a_descriptor_comes_along(lines: tuple[Line, Line]) -> None:
    """With the frame, and is another number for the same thing."""
    process, thread = lines
    reading, writing = os.pipe()
    process.send(PROCESS, descriptor=writing)
    came: list[int] = []
    assert thread.receive(came) == [(PROCESS, b"")]
    os.write(came[0], b"hello")
    assert os.read(reading, 9) == b"hello"
    close_all([reading, writing, *came])
    close_all(came)  # closed already


def test_letters_do_not_wait(lines: tuple[Line, Line]) -> None:
    """Those that came behind a frame are not lost."""
    process, thread = lines
    assert process.letters() == b""
    thread.socket.sendall(b"R\x01\0\0\0x" + LEAVE)
    assert process.receive([]) == [(b"R", b"x")]
    thread.tell(LATE)
    assert process.letters() == LEAVE + LATE
    thread.close()
    assert process.letters() == b""
