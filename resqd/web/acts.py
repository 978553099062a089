"""The acts: each is a POST that changes something, is written into the audit, and leads back to a page."""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from resqd.errors import PayloadError, ResqdError
from resqd.store.resque.pauses import Note
from resqd.store.resque.sweep import FailureMoved
from resqd.web import words
from resqd.web.http import HttpError, Page, link, plain_number
from resqd.web.pages import asked_of
from resqd.web.questions import how_many, running_of, typed_for
from resqd.web.views import failures

if TYPE_CHECKING:
    from resqd.store.resque.failed_job import FailedJob
    from resqd.web.desk import Desk
    from resqd.web.http import Request


def kill(desk: Desk, request: Request) -> Page:
    """Ask a worker to kill what a thread runs."""
    desk.looks.forget()
    running_of(desk, request.told("worker"), request.told("place"), request.told("began")).status.kill()
    return Page(goto=link("/running", done="kill"))


def clear_queue(desk: Desk, request: Request) -> Page:
    """Delete a queue with all its jobs."""
    name = request.told("name")
    _check_typed(request, words.name(name))
    number = desk.books.queues.remove(name)
    desk.looks.forget()
    return Page(goto=link("/queues", done="clear", n=number))


def pause_queue(desk: Desk, request: Request) -> Page:
    """Let no worker on any host take jobs of a queue."""
    name = request.told("name")
    note = Note(by=str(request.environ.get("resqd.user", "")), at=round(time.time(), 3), why=None)
    desk.books.pauses.pause(name, note)
    desk.looks.forget()
    return Page(goto=link("/queue", name=name, done="pause"))


def resume_queue(desk: Desk, request: Request) -> Page:
    """Let workers take its jobs again."""
    name = request.told("name")
    desk.books.pauses.resume(name)
    desk.looks.forget()
    return Page(goto=link("/queue", name=name, done="resume"))


def delete_job(desk: Desk, request: Request) -> Page:
    """Delete one job that waits."""
    name, at = request.told("name"), plain_number(request.told("at"), 0)
    if not desk.books.glimpses.drop(name, at, request.told("sha")):
        raise HttpError(
            HTTPStatus.CONFLICT,
            "This job no longer waits in its queue.",
            "It has begun; nothing was deleted.",
        )
    desk.looks.forget()
    return Page(goto=link("/queue", name=name, done="delete"))


def requeue(desk: Desk, request: Request) -> Page:
    """Put one failed job back on its queue."""
    failure = _chosen(desk, request)
    try:
        desk.books.failures.requeue(failure, keep=False)
    except FailureMoved:
        _gone()
    except PayloadError as error:
        raise HttpError(
            HTTPStatus.CONFLICT, f"This job cannot be requeued: {error}.", "Its record stays where it is."
        ) from None
    desk.looks.forget()
    return Page(goto=link("/failed", done="requeue", **_back(request)))


def remove(desk: Desk, request: Request) -> Page:
    """Remove one failure."""
    failure = _chosen(desk, request)
    try:
        desk.books.failures.remove(failure)
    except FailureMoved:
        _gone()
    desk.looks.forget()
    return Page(goto=link("/failed", done="remove", **_back(request)))


def ticked(desk: Desk, request: Request) -> Page:
    """Requeue or remove the failures that are ticked, a hundred at the most."""
    verb = request.told("verb")
    if verb not in {"requeue", "remove"}:
        raise HttpError(HTTPStatus.BAD_REQUEST, "The form names no act.", "Load the page anew.")
    list_name = request.form.get("list", ["failed"])[-1]
    outcomes = [_tick(desk, list_name, each, verb) for each in request.form.get("job", [])[:100]]
    desk.looks.forget()
    done, refused = outcomes.count(True), outcomes.count(False)
    return Page(
        goto=link("/failed", done=f"{verb}-ticked", n=done, refused=refused or None, **asked_of(request))
    )


def _tick(desk: Desk, list_name: str, named: str, verb: str) -> bool:
    """Requeue or remove one ticked failure; whether it was there and could be."""
    at, _, digest = named.partition(":")
    failure = desk.search.at(list_name, plain_number(at, 0), digest)
    if failure is None:
        return False
    try:
        if verb == "requeue":
            desk.books.failures.requeue(failure, keep=False)
        else:
            desk.books.failures.remove(failure)
    except (FailureMoved, PayloadError):
        return False
    return True


def requeue_matching(desk: Desk, request: Request) -> Page:
    """Put all failed jobs that the filter matches back, in the background."""
    return _start(desk, request, "requeue")


def count_matching(desk: Desk, request: Request) -> Page:
    """Count all that the filter matches, and group them, in the background."""
    return _start(desk, request, "count")


def remove_matching(desk: Desk, request: Request) -> Page:
    """Remove all failed jobs that the filter matches, in the background."""
    asked = asked_of(request)
    number, exactly = how_many(desk, asked)
    wanted = typed_for(number, asked.get("list", "failed"), exactly=exactly)
    if wanted:
        _check_typed(request, wanted)
    return _start(desk, request, "remove")


def stop_work(desk: Desk, request: Request) -> Page:
    """Stop an act on many jobs where it is."""
    desk.works.stop(request.told("work"))
    return Page(goto=link("/failed", done="stop", **asked_of(request)))


def _start(desk: Desk, request: Request, verb: str) -> Page:
    asked = asked_of(request)
    now = desk.looks.look().now
    wanted = replace(failures.filter_of(asked, now), until=now)
    what = ", ".join(chip.text for chip in failures.chips(asked)) or "all"
    try:
        desk.works.start(verb, what, wanted, str(request.environ.get("resqd.user", "")))
    except ResqdError as error:
        raise HttpError(HTTPStatus.CONFLICT, f"{error}.", "Nothing was begun.") from None
    return Page(goto=link("/failed", **asked))


def _chosen(desk: Desk, request: Request) -> FailedJob:
    list_name = request.form.get("list", ["failed"])[-1]
    found = desk.search.at(list_name, plain_number(request.told("at"), 0), request.told("sha"))
    return found if found is not None else _gone()


def _gone() -> NoReturn:
    raise HttpError(
        HTTPStatus.CONFLICT,
        "This failure is no longer in its list.",
        "It was requeued or removed meanwhile; nothing was changed.",
    )


def _back(request: Request) -> dict[str, str]:
    """The filter that the list had, whose fields the form has under `f-` since it names a list and a queue itself."""
    names = failures.FILTERED
    return {name: request.form[f"f-{name}"][-1] for name in names if request.form.get(f"f-{name}", [""])[-1]}


def _check_typed(request: Request, wanted: str) -> None:
    typed = request.form.get("typed", [""])[-1].strip().replace(",", "")
    if typed != wanted.strip().replace(",", ""):
        raise HttpError(
            HTTPStatus.CONFLICT,
            f"What was typed is not {wanted}.",
            "Nothing was changed; go back and try again.",
        )
