"""What is encrypted can be read with the key alone, and tells nothing without."""

import base64
import json
import os
from typing import Any

import pytest

from resqd.errors import JobDefinitionError, PayloadError, Undecipherable
from resqd.sealing import SEALED, Key, Keyring, Seal, is_sealed, refuse, shown, told_apart

OLD, NEW, OTHER = (base64.b64encode(bytes([n]) * 32).decode() for n in range(3))
SECRET = "4000 0000 0000 0002"


def sealed(keyring: Keyring, args: list[Any], job: str = "pay") -> list[Any]:
    return Seal(keyring, job).args(json.dumps(args).encode())


@pytest.mark.parametrize(
    "args", [[], [None], [SECRET], [1, "b", {"c": [1.5, None, "ü\ud800"]}], [{SEALED: "x"}]]
)
def test_arguments_come_back_as_they_were(args: list[Any]) -> None:
    """Whatever JSON can hold; what stands in the payload is one object that shows none of it."""
    ring = Keyring([NEW])
    found = sealed(ring, args)
    assert SECRET not in json.dumps(found)
    assert (len(found), is_sealed(found[0])) == (1, True)
    assert Seal(ring, "pay").opened(found) == args
    assert sealed(ring, args) != found, "equal arguments cannot be told apart from others"


def test_values_come_back_as_they_were() -> None:
    """None too; in parts, beside what must stay in clear."""
    ring = Keyring([NEW])
    for value in (None, 0, SECRET, [SECRET], {"a": None}):
        assert ring.opened(ring.value(value)) == value
    given = [SECRET, {"card": SECRET, "from": "R1"}, ["R2", 3]]
    parted = ring.but_for(given, lambda text: text.startswith("R"))
    assert SECRET not in json.dumps(parted)
    assert (parted[1]["from"], parted[2][0]) == ("R1", "R2")
    assert Seal(ring, "pay").opened(parted) == given
    assert Seal(ring, "pay").opened([ring.value(SECRET)]) == [SECRET]


def test_keys_are_changed_while_jobs_wait() -> None:
    """The first one encrypts, all decrypt; what tells equal arguments stays the same until the old one is gone."""
    old, both, new = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    assert Seal(both, "pay").opened(sealed(old, [1])) == [1]
    assert Seal(new, "pay").opened(sealed(both, [1])) == [1]
    assert old.secret == both.secret != new.secret


def test_a_missing_key_is_named_by_what_tells_no_key() -> None:
    """With what to do; whoever has no keys at all is told by the payload's mark."""
    with pytest.raises(
        Undecipherable, match=rf"arguments of pay .*need the key {Key(OLD).id.hex()}.*has .*add it"
    ):
        Seal(Keyring([NEW, OTHER]), "pay").opened(sealed(Keyring([OLD]), [1]))
    with pytest.raises(Undecipherable, match=r"pay are encrypted, and this App has no keys"):
        refuse({"encrypted": 1}, "pay")
    refuse({"timeout": 1}, "pay")
    assert issubclass(Undecipherable, PayloadError)
    for text in (repr(Key(OLD)), repr(Keyring([OLD]))):
        assert OLD not in text


def test_what_was_changed_or_moved_is_refused() -> None:
    """Arguments belong to their job's class; each bit of the text counts."""
    ring = Keyring([NEW])
    [found] = sealed(ring, [1])
    with pytest.raises(Undecipherable, match="another job"):
        Seal(ring, "refund").opened([found])
    with pytest.raises(Undecipherable, match="another job"):
        ring.opened(found)
    data = bytearray(base64.b64decode(found[SEALED]))
    for at in (0, 2, 8, 20, len(data) - 1):
        changed = bytes(byte ^ (i == at) for i, byte in enumerate(data))
        with pytest.raises(Undecipherable):
            Seal(ring, "pay").opened([{SEALED: base64.b64encode(changed).decode()}])
    for text in ("", "!", "AA", "\ud800"):
        with pytest.raises(Undecipherable):
            Seal(ring, "pay").opened([{SEALED: text}])


def test_arguments_in_clear_are_taken_as_they_are() -> None:
    """Of Ruby, or of before there were keys."""
    assert Seal(Keyring([NEW]), "pay").opened([1, {"a": [2]}]) == [1, {"a": [2]}]


def test_people_see_that_it_is_encrypted() -> None:
    """In place of each part."""
    ring = Keyring([NEW])
    assert shown(sealed(ring, [1, 2])) == ["encrypted"]
    assert shown([1, {"a": ring.value(2), "b": 3}]) == [1, {"a": "encrypted", "b": 3}]


@pytest.mark.parametrize(
    "keys", [[], ["short"], [os.urandom(32)], "A" * 44, [None], [base64.b64encode(b"16 bytes long...")]]
)
def test_what_is_no_key_is_refused_and_not_shown(keys: Any) -> None:
    """With the command that makes one."""
    with pytest.raises(JobDefinitionError, match="App") as error:
        Keyring(keys)
    assert not any(str(key) in str(error.value) for key in keys if key and len(key) > 1)


def test_both_forms_of_base64_are_keys() -> None:
    """As `openssl rand` prints it, and as Fernet's keys are."""
    raw = b"\xfb\xff" * 16
    assert Key(base64.b64encode(raw)).id == Key(base64.urlsafe_b64encode(raw).decode() + "\n").id


def test_equal_texts_are_told_without_being_guessed() -> None:
    """Without a secret anybody could try all numbers of cards."""
    assert told_apart(SECRET, b"k" * 32) == told_apart(SECRET, b"k" * 32) != told_apart(SECRET, b"l" * 32)
    assert told_apart("a", None) == "ca978112ca1bbdcafac231b39a23dc4d"
    assert len(told_apart("a", b"k")) == 32
