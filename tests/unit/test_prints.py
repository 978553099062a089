"""What is printed, as log lines."""

import io
import logging
import sys
import threading

import pytest

from resqd.prints import Prints, capture


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def stream() -> Prints:
    return Prints(io.StringIO(), logging.getLogger("printed"))


def test_each_line_is_a_record(said: pytest.LogCaptureFixture) -> None:
    """When it is complete, or flushed; empty ones are left out."""
    out = stream()
    print("one", "two", file=out)
    print("a\n\nb", end="", file=out)
    assert said.messages == ["one two", "a"]
    out.flush()
    out.flush()
    assert said.messages == ["one two", "a", "b"]


def test_threads_do_not_mix_their_lines(said: pytest.LogCaptureFixture) -> None:
    """Each has a rest of its own."""
    out = stream()
    out.write("mine ")
    other = threading.Thread(target=lambda: out.write("theirs\n"))
    other.start()
    other.join()
    out.write("too\n")
    assert said.messages == ["theirs", "mine too"]


def test_a_line_without_an_end_is_not_kept_for_ever(said: pytest.LogCaptureFixture) -> None:
    """After 64 Ki characters it is a record."""
    out = stream()
    for _ in range(70):
        out.write("x" * 1024)
    assert [len(message) for message in said.messages] == [64 * 1024]


def test_a_process_is_captured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams, with their descriptors and encodings; a closed one stays closed."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    capture()
    first = sys.stdout
    capture()
    assert sys.stdout is first
    assert isinstance(sys.stderr, Prints)
    with pytest.raises(TypeError):
        sys.stdout.write(b"bytes")  # type: ignore[arg-type]  # as a job might
    monkeypatch.setattr(sys, "stdout", None)
    capture()
    assert sys.stdout is None
