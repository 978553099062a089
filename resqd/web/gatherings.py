"""Batches and workflows: the pages, and what may be done about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from resqd.application.batch_book import BatchBook
from resqd.application.workflows import WORKFLOW
from resqd.errors import UnknownBatch
from resqd.store.batches.batches import Batches
from resqd.web import words
from resqd.web.http import HttpError, Page, link
from resqd.web.questions import Question, ask
from resqd.web.views import batches

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from resqd.store.batches.batches import Status
    from resqd.web.desk import Desk
    from resqd.web.http import Request

    T = TypeVar("T")


def show_batches(desk: Desk, request: Request) -> Page:
    """All batches, the newest first."""
    return _list(desk, request, only_workflows=False)


def show_workflows(desk: Desk, request: Request) -> Page:
    """Those of them that are workflows."""
    return _list(desk, request, only_workflows=True)


def _list(desk: Desk, request: Request, *, only_workflows: bool) -> Page:
    start = request.number("from", 0)
    total, found = _on(desk, lambda book: book.page(start, batches.ROWS))
    now = desk.looks.look().now
    shown = batches.batches(found, total, start=start, only_workflows=only_workflows, now=now)
    return Page("batches.html", shown)


def show_batch(desk: Desk, request: Request) -> Page:
    """One batch: how far it is, and which of its jobs wait or have failed; a workflow with its picture."""
    status = _found(desk, request.asked("id"))
    row = batches.batch_row(status, desk.looks.look().now)
    drawn = row.kind == WORKFLOW and status.total <= batches.MOST_DRAWN
    jobs = BatchBook(desk.app.store).nodes(status.id) if drawn else []
    pending, failed = _on(
        desk,
        lambda book: (
            book.some(status.id, "pending", batches.IDS),
            book.some(status.id, "failed", batches.IDS),
        ),
    )
    root = str(request.environ.get("SCRIPT_NAME", ""))
    return Page(
        "batch.html",
        batches.batch(row, pending, failed, jobs, lambda job_id: root + link("/find", q=job_id)),
    )


def ask_cancel_batch(desk: Desk, request: Request) -> Page:
    """Before what is left of a batch is taken away."""
    status = _found(desk, request.asked("id"))
    left = status.pending + status.left
    return ask(
        Question(
            title=f"Cancel the batch {words.short_id(status.id)}?",
            text=f"What of its {words.plural(left, 'job')} has not begun is taken away for good, here and in batches "
            "inside it. What runs goes on. Its callback for success is never called.",
            button="Cancel batch",
            keep="Keep it",
            action="/batch/cancel",
            back=link("/batch", id=status.id),
            fields={"id": status.id},
        )
    )


def cancel_batch(desk: Desk, request: Request) -> Page:
    """Take away what of a batch has not begun."""
    status = _found(desk, request.told("id"))
    number = BatchBook(desk.app.store).cancel(status.id)
    desk.looks.forget()
    return Page(goto=link("/batch", id=status.id, done="batch-cancel", n=number))


def retry_batch(desk: Desk, request: Request) -> Page:
    """Requeue those of its jobs that have failed."""
    status = _found(desk, request.told("id"))
    number = BatchBook(desk.app.store).retry(status.id)
    desk.looks.forget()
    return Page(goto=link("/batch", id=status.id, done="batch-retry", n=number))


def _found(desk: Desk, batch_id: str) -> Status:
    try:
        return BatchBook(desk.app.store).get(batch_id)
    except UnknownBatch:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "There is no such batch.",
            "It never was, or ended more than a week ago. The page of batches shows all.",
        ) from None


def _on(desk: Desk, use: Callable[[Batches], T]) -> T:
    return desk.app.store.on_link(lambda link, keys: use(Batches(link, keys)))
