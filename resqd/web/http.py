"""One request as the pages see it, read from WSGI's environment within bounds; and what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlencode

from resqd.store.names import to_bytes, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST_FORM: Final = 256 * 1024
_MOST_FIELDS: Final = 400

Environ = dict[str, Any]


class HttpError(Exception):
    """The request cannot be answered: a status, what is wrong in one sentence, and what to do."""

    def __init__(self, status: HTTPStatus, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Request:
    """Text that is not UTF-8 holds surrogate escapes, since queues may be named so. `root` is where we are mounted."""

    method: str
    path: str
    root: str
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    environ: Environ = field(repr=False)

    def header(self, name: str) -> str | None:
        """A header's text, or None."""
        value = self.environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        return None if value is None else str(value)

    def asked(self, name: str, default: str = "") -> str:
        """The last value of that name in the query."""
        return self.query.get(name, [default])[-1].strip()

    def number(self, name: str, default: int, most: int = 10**12) -> int:
        """A number in the query; the default for what is none."""
        return plain_number(self.asked(name), default, most)

    def told(self, name: str) -> str:
        """The value of a form's field; raises HttpError where it is missing."""
        values = self.form.get(name)
        if not values:
            raise HttpError(
                HTTPStatus.BAD_REQUEST, f"The form lacks its field {name}.", "Load the page anew."
            )
        return values[-1]

    @property
    def wants_part(self) -> str:
        """Which part of the page a poll asks for; empty for the whole page."""
        return self.asked("part")

    @property
    def remote(self) -> str:
        """The other side's address, for the audit."""
        return str(self.environ.get("REMOTE_ADDR") or "a local socket")


def plain_number(text: str, default: int, most: int = 10**12) -> int:
    """A number in plain digits up to `most`; the default for what is none."""
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return min(int(text), most) if fits else default


def read_request(environ: Environ) -> Request:
    """The request; raises HttpError for a form that is too large or no form."""
    method = str(environ.get("REQUEST_METHOD", "GET")).upper()
    return Request(
        method=method,
        path=_text(environ.get("PATH_INFO", "")) or "/",
        root=_text(environ.get("SCRIPT_NAME", "")).rstrip("/"),
        query=_fields(str(environ.get("QUERY_STRING", ""))),
        form=_form(environ) if method == "POST" else {},
        environ=environ,
    )


def _text(native: object) -> str:
    """WSGI gives the bytes of a path as Latin-1."""
    return to_text(str(native).encode("latin-1", "replace"))


def _form(environ: Environ) -> Mapping[str, list[str]]:
    kind = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip()
    if kind not in {"application/x-www-form-urlencoded", ""}:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Forms are sent as application/x-www-form-urlencoded."
        )
    length = plain_number(str(environ.get("CONTENT_LENGTH") or "0"), -1)
    if not 0 <= length <= _MOST_FORM:
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form has {_MOST_FORM} bytes at the most.")
    return _fields(environ["wsgi.input"].read(length).decode("latin-1"))


def _fields(text: str) -> Mapping[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"The address or form cannot be read: {error}.") from None


def link(path: str, **query: object) -> str:
    """A path with a query, of which what is None or empty is left out; names of any bytes survive."""
    pairs = [(name, to_bytes(str(value))) for name, value in query.items() if value not in (None, "")]
    return quote(path) + (f"?{urlencode(pairs)}" if pairs else "")


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def html(
        cls, text: str, status: HTTPStatus = HTTPStatus.OK, headers: Iterable[tuple[str, str]] = ()
    ) -> Response:
        """A page, never kept by a cache. What cannot be encoded was text from strangers: it is shown as `?`."""
        kind = ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")
        return cls(status, text.encode("utf-8", "replace"), (*kind, *headers))

    @classmethod
    def see(cls, location: str, *headers: tuple[str, str]) -> Response:
        """Go there with a GET."""
        return cls(
            HTTPStatus.SEE_OTHER, b"", (("Location", location), ("Cache-Control", "no-store"), *headers)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """What a handler gives: a template and what it needs, or the place to go to."""

    template: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    goto: str = ""
    status: HTTPStatus = HTTPStatus.OK
