"""Who comes in: by password, by token, by what the mounting program says, or whoever can open the socket."""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from typing import TYPE_CHECKING, Protocol

from resqd.web.http import Response, link

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.web.http import Environ, Request
    from resqd.web.security.passwords import Passwords
    from resqd.web.security.sessions import Sessions


class Access(Protocol):
    """One way in."""

    def who(self, request: Request) -> str | None:
        """The user's name, or None."""

    def enter(self, request: Request) -> Response | None:
        """What opens a session, where the request carries what does."""

    @property
    def challenge(self) -> str | None:
        """The WWW-Authenticate header that a 401 carries."""

    @property
    def remedy(self) -> str:
        """What somebody does who was not let in."""


class ByPassword:
    """HTTP Basic: browsers ask, scripts send it."""

    challenge = 'Basic realm="resqd", charset="UTF-8"'
    remedy = "Give the name and password of --auth."

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    def who(self, request: Request) -> str | None:
        """The user whose password came with the request."""
        kind, _, sent = (request.header("Authorization") or "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(sent, validate=True).decode().partition(":")
        except ValueError:
            return None
        return user if colon and self._passwords.right(user, password) else None

    def enter(self, request: Request) -> Response | None:  # noqa: ARG002 - each request carries the password
        """Nothing more."""
        return None


class ByToken:
    """A token, as `Authorization: Bearer` or once as `?token=` in the address, which opens a session.

    With `renewed` each token serves once in an address: the next one is told to it.
    """

    challenge = None
    remedy = "Open the address with the token that `resqd web` printed last."

    def __init__(
        self, token: str | None, sessions: Sessions, *, renewed: Callable[[str], None] | None = None
    ) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self._sessions = sessions
        self._renewed = renewed
        self._lock = threading.Lock()

    def who(self, request: Request) -> str | None:
        """The session's user, or "token" for a program that sends the token itself."""
        kind, _, sent = (request.header("Authorization") or "").partition(" ")
        if kind.lower() == "bearer" and self._renewed is None and _equal(sent, self.token):
            return "token"
        return self._sessions.user(request.header("Cookie"))

    def enter(self, request: Request) -> Response | None:
        """A session for the right token, and the same address without it."""
        sent = request.asked("token")
        if request.method != "GET" or not sent or not self._take(sent):
            return None
        secure = request.environ.get("wsgi.url_scheme") == "https"
        cookie = self._sessions.cookie("token", path=request.root, secure=secure)
        query = {name: values[-1] for name, values in request.query.items() if name != "token"}
        return Response.see(link(request.root + request.path, **query), ("Set-Cookie", cookie))

    def _take(self, sent: str) -> bool:
        with self._lock:
            if not _equal(sent, self.token):
                return False
            if self._renewed is not None:
                self.token = secrets.token_urlsafe(24)
                self._renewed(self.token)
            return True


class BySocket:
    """Whoever can open the Unix socket: its mode lets in the user who started the server."""

    challenge = None
    remedy = ""

    def who(self, request: Request) -> str | None:  # noqa: ARG002 - the socket's mode has judged
        """Always the same."""
        return "local"

    def enter(self, request: Request) -> Response | None:  # noqa: ARG002 - nobody has to
        """Nothing more."""
        return None


class ByCaller:
    """What the program says in which the page is mounted: a user's name for a WSGI environment, or None."""

    challenge = None
    remedy = "Sign in to the program that this page is part of."

    def __init__(self, judge: Callable[[Environ], str | None]) -> None:
        self._judge = judge

    def who(self, request: Request) -> str | None:
        """As the program says."""
        return self._judge(request.environ)

    def enter(self, request: Request) -> Response | None:  # noqa: ARG002 - the program does that
        """Nothing more."""
        return None


def _equal(sent: str, kept: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), kept.encode())
