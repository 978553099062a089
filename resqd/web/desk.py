"""What every page and act works with, wired together once for each mounted page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resqd.web.data.failed import Search
from resqd.web.data.histories import Histories
from resqd.web.data.masks import Masks
from resqd.web.data.samples import Samples
from resqd.web.data.snapshot import Looks
from resqd.web.data.works import Works
from resqd.web.data.wrong import Memory

if TYPE_CHECKING:
    from resqd.app import App
    from resqd.store.resque.books import Books


@dataclass(frozen=True, slots=True)
class Desk:
    """The readers of Redis, what this process remembers, and the works that it does."""

    app: App
    masks: Masks
    samples: Samples
    looks: Looks
    histories: Histories
    memory: Memory
    search: Search
    works: Works
    secret: str | None = field(default=None, repr=False)
    """What acts on daemons are signed with."""

    @property
    def signs(self) -> bool:
        """Whether daemons may obey more than what does little harm."""
        return self.secret is not None

    @property
    def books(self) -> Books:
        """What the application may look up and put right."""
        return self.app.store.books

    @classmethod
    def of(cls, app: App, *, hide_arguments: bool = False, secret: str | None = None) -> Desk:
        """Made without asking Redis anything."""
        masks, samples, books = Masks(app.jobs, hide_all=hide_arguments), Samples(), app.store.books
        return cls(
            app=app,
            masks=masks,
            samples=samples,
            looks=Looks(app, samples),
            histories=Histories(app),
            memory=Memory(),
            search=Search(books.failures, books.glimpses, masks),
            works=Works(books.failures, books.notes, masks),
            secret=secret,
        )
