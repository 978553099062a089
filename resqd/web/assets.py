"""The files of `static/`: read once, served with a tag that changes when they do."""

from __future__ import annotations

import hashlib
import mimetypes
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from resqd.web.http import Response

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from resqd.web.http import Request

_KINDS: Final = (".css", ".js", ".svg", ".png")
_FRESH: Final = "public, max-age=0, must-revalidate"


class Assets:
    """Answers for paths below `/static/`."""

    def __init__(self) -> None:
        self._files = dict(_walk(files("resqd.web").joinpath("static"), ""))

    def answer(self, request: Request) -> Response | None:
        """The file, or that it has not changed; None where the path names none."""
        data = self._files.get(request.path.removeprefix("/static/"))
        if data is None:
            return None
        tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        kept = (("ETag", tag), ("Cache-Control", _FRESH))
        if request.header("If-None-Match") == tag:
            return Response(HTTPStatus.NOT_MODIFIED, b"", kept)
        kind = mimetypes.guess_type(request.path)[0] or "application/octet-stream"
        text = "; charset=utf-8" if kind.startswith("text/") else ""
        return Response(HTTPStatus.OK, data, (("Content-Type", kind + text), *kept))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_KINDS):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
