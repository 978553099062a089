"""Signed cookies and the tokens of forms: nothing is kept on the server but one key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LASTS: Final = 12 * 3600
"""Seconds that a session lasts."""


class Sessions:
    """`secret` is shared by all processes that serve the page, where there are several; else it is random."""

    def __init__(
        self, secret: bytes | None = None, *, name: str = "resqd", wall: Callable[[], float] = time.time
    ) -> None:
        self._secret = secrets.token_bytes(32) if secret is None else hashlib.sha256(secret).digest()
        self._name = name
        self._wall = wall

    def cookie(self, user: str, *, path: str, secure: bool) -> str:
        """The Set-Cookie header that opens a session."""
        until = int(self._wall()) + LASTS
        body = f"{user.encode().hex()}.{until}.{secrets.token_hex(8)}"
        value = f"{body}.{self._sign('session', body)}"
        safe = "; Secure" if secure else ""
        return f"{self._name}={value}; Path={path or '/'}; Max-Age={LASTS}; HttpOnly; SameSite=Lax{safe}"

    def user(self, cookies: str | None) -> str | None:
        """Whose session the Cookie header has; None where it has none that is ours and lasts."""
        try:
            morsel = SimpleCookie(cookies or "").get(self._name)
        except CookieError:
            return None
        body, _, signature = (morsel.value if morsel else "").rpartition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign("session", body).encode()):
            return None
        name, until, _ = body.split(".")
        return bytes.fromhex(name).decode() if int(until) > self._wall() else None

    def form_token(self, user: str) -> str:
        """What each form of this user's carries, so that no other site's form is taken for one of ours."""
        return self._sign("form", user)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose} {text}".encode("utf-8", "replace"), "sha256").hexdigest()
