"""Signed cookies."""

import pytest

from resqd.web.security.sessions import LASTS, Sessions


def cookie_of(sessions: Sessions, user: str = "ada") -> str:
    """What a browser sends back."""
    return sessions.cookie(user, path="", secure=False).partition(";")[0]


def test_a_session_lasts_its_time() -> None:
    """And not longer, whatever the browser keeps."""
    now = [1_000.0]
    sessions = Sessions(wall=lambda: now[0])
    cookie = cookie_of(sessions)
    assert sessions.user(cookie) == "ada"
    now[0] += LASTS + 1
    assert sessions.user(cookie) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + "0",
        lambda text: text.replace("616461", "626f62"),
        lambda text: text + ".x",
        lambda _: "resqd=",
        lambda _: "resqd=a.b.c.d",
        lambda _: "\x00",
        lambda _: "",
    ],
)
def test_a_forged_cookie_is_nobodys(change: object) -> None:
    """Another user, another signature, or no cookie at all."""
    sessions = Sessions(b"one")
    cookie = cookie_of(sessions)
    forged = change(cookie)  # type: ignore[operator] # each is a function
    assert sessions.user(forged) is None or forged == cookie


def test_the_secret_is_what_counts() -> None:
    """Processes of one secret know each other's sessions; others do not."""
    cookie = cookie_of(Sessions(b"one"))
    assert Sessions(b"one").user(cookie) == "ada"
    assert Sessions(b"two").user(cookie) is None
    assert Sessions().user(cookie) is None


def test_a_forms_token_is_its_users_and_no_session() -> None:
    """One cannot be used for the other."""
    sessions = Sessions(b"one")
    assert sessions.form_token("ada") == Sessions(b"one").form_token("ada")
    assert sessions.form_token("ada") != sessions.form_token("bob")
    assert sessions.user(f"resqd={sessions.form_token('ada')}") is None
