"""What every request must pass, and every answer carry: the host's name, one origin, what a page may load."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from resqd.web.http import HttpError

if TYPE_CHECKING:
    from collections.abc import Collection

    from resqd.web.http import Request

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def host_name(host: str) -> str:
    """The Host header without its port, in lower case."""
    name = host.strip().lower()
    return name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name.partition(":")[0]


def check_host(request: Request, allowed: Collection[str] | None) -> None:
    """Raise HttpError 421 for a name that is not on the list: an attacker's name may lead to our address."""
    if allowed is None:
        return
    host = request.header("Host") or str(request.environ.get("SERVER_NAME", ""))
    if host_name(host) not in allowed:
        raise HttpError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "This server is not called by that name.",
            "Use its own address, or start it with --allow-host NAME.",
        )


def check_act(request: Request, *, token: str, read_only: bool) -> None:
    """Raise HttpError 403 for an act that is not allowed here, or that another site has sent."""
    if read_only:
        raise HttpError(
            HTTPStatus.FORBIDDEN,
            "This page only shows: it was started with --read-only.",
            "Nothing was changed.",
        )
    if request.header("Sec-Fetch-Site") not in {None, "same-origin"} or _foreign(request):
        raise HttpError(
            HTTPStatus.FORBIDDEN,
            "The act came from another site.",
            "Nothing was changed; act on this page itself.",
        )
    bearer = (request.header("Authorization") or "").lower().startswith("bearer ")
    sent = request.form.get("token_of_form", [""])[-1]
    if not bearer and not hmac.compare_digest(sent.encode("utf-8", "replace"), token.encode()):
        raise HttpError(
            HTTPStatus.FORBIDDEN,
            "The form is not of this session.",
            "Nothing was changed; load the page anew.",
        )


def _foreign(request: Request) -> bool:
    origin = request.header("Origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc.lower() != (request.header("Host") or "").strip().lower()


def headers(nonce: str) -> tuple[tuple[str, str], ...]:
    """What every answer carries. Scripts run by nonce only, and nothing comes from any other host."""
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
