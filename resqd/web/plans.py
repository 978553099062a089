"""Jobs that are to run later, and those that recur: the pages, and what may be done about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn

from resqd.errors import CronError
from resqd.store.cron.crontab import Crontab
from resqd.store.later.later import When
from resqd.web.http import HttpError, Page, link
from resqd.web.views import plans
from resqd.web.views.queues import span_of

if TYPE_CHECKING:
    from resqd.web.desk import Desk
    from resqd.web.http import Request

MOVES: Final = {"1m": 60.0, "10m": 600.0, "1h": 3600.0, "1d": 86_400.0}


def show_later(desk: Desk, request: Request) -> Page:
    """What is to run later, the first due first."""
    look, start = desk.looks.look(), request.number("from", 0)
    waiting = desk.app.store.on_later(lambda later: later.page(start, plans.ROWS))
    return Page(
        "later.html",
        {
            "rows": [plans.later_row(each, desk.masks, look.now) for each in waiting],
            "span": span_of(start, len(waiting), look.later, plans.ROWS),
            "moves": tuple(MOVES),
        },
    )


def show_cron(desk: Desk, request: Request) -> Page:  # noqa: ARG001 - every page is called alike
    """What recurs, the next first."""
    entries = _crontab(desk).entries()
    return Page("cron.html", plans.cron(entries, desk.looks.look().now))


def run_later(desk: Desk, request: Request) -> Page:
    """Let one job run now, before the others of its queue."""
    ticket = request.told("ticket")
    return _later(desk, "later-run", desk.app.store.on_later(lambda later: later.run_now([ticket])))


def cancel_later(desk: Desk, request: Request) -> Page:
    """Take one job away."""
    ticket = request.told("ticket")
    return _later(desk, "later-cancel", desk.app.store.on_later(lambda later: later.cancel([ticket])))


def move_later(desk: Desk, request: Request) -> Page:
    """Let one job be due so long from now on."""
    ticket, seconds = request.told("ticket"), MOVES.get(request.told("after"))
    if seconds is None:
        raise HttpError(HTTPStatus.BAD_REQUEST, "The form names no time.", "Load the page anew.")
    when = When.after(seconds)
    return _later(desk, "later-move", desk.app.store.on_later(lambda later: later.move([ticket], when)))


def run_entry(desk: Desk, request: Request) -> Page:
    """Enqueue the job of an entry now."""
    try:
        _crontab(desk).run(request.told("name"))
    except CronError as error:
        _refused(error)
    return Page(goto=link("/cron", done="cron-run"))


def pause_entry(desk: Desk, request: Request) -> Page:
    """Let an entry not be due until it is resumed."""
    try:
        _crontab(desk).pause(request.told("name"), by=str(request.environ.get("resqd.user", "")))
    except CronError as error:
        _refused(error)
    return Page(goto=link("/cron", done="cron-pause"))


def resume_entry(desk: Desk, request: Request) -> Page:
    """Let an entry be due again, from now on."""
    try:
        _crontab(desk).resume(request.told("name"))
    except CronError as error:
        _refused(error)
    return Page(goto=link("/cron", done="cron-resume"))


def _crontab(desk: Desk) -> Crontab:
    return desk.app.store.open(Crontab)


def _later(desk: Desk, done: str, number: int) -> Page:
    if not number:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "This job is no longer there.",
            "It has become due, or was cancelled: nothing was changed.",
        )
    desk.looks.forget()
    return Page(goto=link("/later", done=done))


def _refused(error: CronError) -> NoReturn:
    raise HttpError(HTTPStatus.CONFLICT, f"{error}.", "Nothing was changed.") from None
