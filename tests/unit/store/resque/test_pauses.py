"""What the keys of resque-pause and of stock Resque mean, and the note in ours."""

import pytest

from resqd.store.resque.pauses import Note, Paused, PauseKeys, understood


def test_the_keys_are_rubys() -> None:
    """As resque-pause 0.3.0 and Resque 3.0.0 name them."""
    keys = PauseKeys("resque")
    assert keys.queue("mail") == "resque:pause:queue:mail"
    assert keys.everything() == ("resque:pause:all", "resque:pause-all-workers")


@pytest.mark.parametrize(
    ("found", "paused"),
    [
        ([None, None, None, None], Paused((), "")),
        ([None, None, b"true", None], Paused(("a",), "")),
        ([None, None, None, b'{"by":"x"}'], Paused(("b",), "")),
        ([b"false", None, None, b""], Paused(("b",), "pause:all")),
        ([None, b" True\n", None, None], Paused((), "pause-all-workers")),
        ([None, b"false", None, None], Paused((), "")),
    ],
)
def test_a_value_means_what_it_means_to_ruby(found: list[bytes | None], paused: Paused) -> None:
    """resque-pause asks whether a key exists; stock Resque whether it says true."""
    assert understood(found, ["a", "b"]) == paused


def test_a_note_comes_back() -> None:
    """Whatever it holds."""
    note = Note("me@host", 1_700_000_000.5, 'it is "late" é')
    assert Note.from_json(note.to_json()) == note


@pytest.mark.parametrize("raw", [b"true", b"", b"[1]", b"\xff", b'{"by":1,"at":true,"why":[]}'])
def test_other_peoples_values_tell_nothing(raw: bytes) -> None:
    """And break nothing."""
    assert Note.from_json(raw) == Note()
