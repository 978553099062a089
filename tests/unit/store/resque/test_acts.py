"""Which acts of web pages a daemon obeys."""

import dataclasses
import json

import pytest

from resqd.store.resque.acts import LASTS, Act, Judge, Refusal, sealed

SECRET = "0123456789abcdef"
BORN, NOW = 1_000_000_000, 1_060_000_000
ACT = Act("drain", 0, "web1/resqd:e1", "n1", NOW + LASTS, "ada")


def judge(*, secret: str | None = SECRET, remote: bool = True, most_workers: int = 8) -> Judge:
    found = Judge(life=ACT.life, secret=secret, remote=remote, most_workers=most_workers)
    found.look(BORN)
    found.look(NOW)
    return found


def outcome(act: Act, *, by: Judge | None = None, secret: str | None = SECRET, now: int = NOW) -> str:
    """Why it is refused; '' where it is obeyed."""
    found = (by or judge()).judge(sealed(act, secret).encode(), now)
    return found.why if isinstance(found, Refusal) else ""


def test_what_is_signed_is_obeyed() -> None:
    """Each command."""
    for command in ("pause", "resume", "drain", "reload"):
        assert outcome(dataclasses.replace(ACT, command=command)) == ""


@pytest.mark.parametrize("secret", [None, "another secret..."])
def test_what_is_not_signed_by_our_secret_is_refused(secret: str | None) -> None:
    """A pause too: with a secret nothing is obeyed without it."""
    for command in ("pause", "drain"):
        assert "RESQD_SECRET" in outcome(dataclasses.replace(ACT, command=command), secret=secret)


@pytest.mark.parametrize(
    "change",
    [
        {"command": "scale"},
        {"workers": 5},
        {"nonce": "n2"},
        {"until": NOW + LASTS - 1},
        {"by": "eve"},
        {"mac": "ä"},
    ],
)
def test_nothing_of_a_signed_act_can_be_changed(change: dict[str, object]) -> None:
    """Whoever reads an act in Redis and writes another one with its signature is refused."""
    forged = json.loads(sealed(ACT, SECRET)) | change
    found = judge().judge(json.dumps(forged).encode(), NOW)
    assert isinstance(found, Refusal)
    assert "not signed" in found.why


def test_an_act_is_for_one_life() -> None:
    """One for another daemon that is put into our list."""
    assert "another daemon" in outcome(dataclasses.replace(ACT, life="web2/resqd:e1"))


def test_without_a_secret_only_what_does_little_harm() -> None:
    """Pause and resume, whoever asks."""
    open_one = judge(secret=None)
    for number, command in enumerate(("pause", "resume")):
        act = dataclasses.replace(ACT, command=command, nonce=f"n{number}")
        assert outcome(act, by=open_one, secret=None) == ""
    for command in ("drain", "scale", "reload"):
        act = dataclasses.replace(ACT, command=command, workers=1)
        assert "pause, resume and kill only" in outcome(act, by=open_one, secret=None)


def test_an_act_has_ten_seconds() -> None:
    """By Redis's clock; nobody can make one that lasts for longer."""
    assert outcome(ACT, now=NOW + LASTS) == ""
    assert "too late" in outcome(ACT, now=NOW + LASTS + 1)
    assert "ahead" in outcome(dataclasses.replace(ACT, until=NOW + LASTS + 1))


def test_an_act_is_obeyed_once() -> None:
    """Not again when it is put back into the list, nor by the next housekeeper of the same life."""
    one = judge()
    assert outcome(ACT, by=one) == ""
    one.look(NOW + LASTS)
    assert "already" in outcome(ACT, by=one, now=NOW + LASTS)
    successor = Judge(life=ACT.life, secret=SECRET, remote=True, most_workers=8)
    successor.look(NOW + 1)
    assert "before this housekeeper began" in outcome(ACT, by=successor, now=NOW + 1)


def test_scale_has_a_ceiling() -> None:
    """And a floor."""
    for workers, obeyed in ((0, False), (1, True), (8, True), (9, False)):
        why = outcome(dataclasses.replace(ACT, command="scale", workers=workers))
        assert (why == "") is obeyed, workers


def test_all_can_be_switched_off() -> None:
    """RESQD_REMOTE=off."""
    assert outcome(ACT, by=judge(remote=False)) == "RESQD_REMOTE=off"


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"7", b"{}", b"[" * 4_000, b'{"mac":1}', b"x" * 10_000, b"\xff",
     sealed(dataclasses.replace(ACT, nonce=""), SECRET).encode(),
     sealed(dataclasses.replace(ACT, by="eve\nadmin"), SECRET).encode(),
     json.dumps({**json.loads(sealed(ACT, SECRET)), "until": 1e99}).encode(),
     json.dumps({**json.loads(sealed(ACT, SECRET)), "workers": True}).encode()],
)  # fmt: skip
def test_what_is_no_act_is_refused_without_harm(raw: bytes) -> None:
    """Whatever the bytes are."""
    found = judge().judge(raw, NOW)
    assert isinstance(found, Refusal)
    assert found.nonce == ""
