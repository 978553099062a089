"""Templates with what they all use: words, links, the rail, the form's token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from resqd.web import words
from resqd.web.http import link

if TYPE_CHECKING:
    from resqd.web.data.snapshot import Snapshot
    from resqd.web.http import Page

_SECTIONS: Final = {
    "/": "/", "/queues": "/queues", "/queue": "/queues", "/job": "/queues", "/running": "/running",
    "/later": "/later", "/cron": "/cron", "/classes": "/classes", "/failed": "/failed", "/failure": "/failed",
    "/hosts": "/hosts", "/host": "/hosts", "/later/job": "/later", "/limits": "/limits", "/limit": "/limits",
    "/unique": "/unique", "/batches": "/batches", "/batch": "/batches", "/workflows": "/workflows",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page: where it is mounted, who reads it, and what its forms carry."""

    root: str
    path: str
    here: str
    nonce: str
    user: str
    form_token: str
    read_only: bool
    look: Snapshot | None
    done: str
    number: int
    refused: int

    @property
    def section(self) -> str:
        """The page of the rail that this one belongs to."""
        return _SECTIONS.get(self.path, "")

    def url(self, path: str, **query: object) -> str:
        """An address below where the page is mounted."""
        return self.root + link(path, **query)

    def asset(self, name: str) -> str:
        """A file of `static/`, whose address changes when its bytes do."""
        return f"{self.root}/static/{name}"


PARTS: Final = frozenset({"live", "works", "dialog"})
"""What a poll or a dialog may ask for."""


class Renderer:
    """Renders a page, or the part of it that a poll asks for. Text is escaped unless a template says otherwise."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("resqd.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        for each in (words.count, words.rate, words.age, words.ago, words.size, words.clock, words.stamp, words.name,
                     words.short_id, words.cut, words.plural):  # fmt: skip
            self._templates.filters[each.__name__] = each

    def page(self, page: Page, frame: Frame) -> str:
        """The whole page."""
        return self._templates.get_template(page.template).render(
            **page.context, frame=frame, layout="layout.html"
        )

    def part(self, page: Page, frame: Frame, part: str) -> str:
        """One block of the page, with the rail to put in the place of the one that is shown."""
        shown = {"layout": "part.html", "part": part, "out_of_band": True}
        return self._templates.get_template(page.template).render(**page.context, frame=frame, **shown)
