"""A reader of the web page that needs no socket: calls the WSGI application as a server would."""

import io
import re
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode, urlsplit

from resqd.web.http import link
from resqd.web.site import Site

SAME_SITE = {"HTTP_SEC_FETCH_SITE": "same-origin"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str | None:
        """A header's text."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def links(self, path: str) -> list[str]:
        """The addresses of a path that the page links to."""
        return [unescape(each) for each in re.findall(rf'href="({re.escape(path)}[^"]*)"', self.text)]

    def fields(self, action: str) -> list[tuple[str, str]]:
        """The hidden fields of the first form that is sent to `action`."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', self.text, re.DOTALL)
        assert form is not None, f"no form for {action}"
        found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[0])
        return [(name, unescape(value)) for name, value in found]


class WebClient:
    """`environ` is laid over that of every request."""

    def __init__(self, site: Site, **environ: str) -> None:
        self._site = site
        self._environ = environ

    def get(self, address: str, **environ: str) -> Answer:
        """Read a page, by its path and query."""
        return self._ask("GET", address, b"", environ)

    def page(self, path: str, **query: object) -> Answer:
        """Read a page with that query; it must be there."""
        answer = self.get(link(path, **query))
        assert answer.status == 200, f"{path}: {answer.status}\n{answer.text}"
        return answer

    def post(self, path: str, fields: list[tuple[str, str]], **environ: str) -> Answer:
        """Send a form as this site's own pages do."""
        body = urlencode(fields, errors="surrogateescape").encode()
        return self._ask("POST", path, body, SAME_SITE | environ)

    def act(self, page: str, action: str, *more: tuple[str, str]) -> Answer:
        """Read a page, and send the form on it that goes to `action`."""
        return self.post(action, self.get(page).fields(action) + list(more))

    def _ask(self, method: str, address: str, body: bytes, environ: dict[str, str]) -> Answer:
        parts = urlsplit(address)
        told: dict[str, object] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "HTTP_HOST": "localhost:9292",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
            **self._environ,
            **environ,
        }
        started: list[tuple[str, list[tuple[str, str]]]] = []
        chunks = self._site(told, lambda status, headers: started.append((status, headers)))
        status, headers = started[0]
        return Answer(int(status.split()[0]), headers, b"".join(chunks).decode())
