"""Steering daemons on any host: the questions and the acts."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from resqd.store.resque.acts import COMMANDS, PLAIN
from resqd.web import words
from resqd.web.http import HttpError, Page, link, plain_number
from resqd.web.questions import Question, ask

if TYPE_CHECKING:
    from resqd.web.data.snapshot import Host
    from resqd.web.desk import Desk
    from resqd.web.http import Request

ALL: Final = "all"
"""Stands for every daemon of resqd's in a form, where else an id does."""
_ASKED: Final = {
    "drain": (
        "It takes no more jobs, lets those that run end, and then exits; whatever runs it as a service may start it "
        "again.",
        "Drain",
    ),
    "reload": (
        "It imports the code that is there now, and goes on with it when that goes well. Running jobs end with the old "
        "code.",
        "Reload",
    ),
    "scale": ("Its worker processes become so many; those that are too many let their jobs end.", "Scale"),
}


def ask_steer(desk: Desk, request: Request) -> Page:
    """Before daemons are drained, scaled or reloaded."""
    command, wanted = request.asked("command"), request.asked("id")
    if command not in _ASKED:
        raise HttpError(HTTPStatus.NOT_FOUND, "There is no such act.", "Nothing was changed.")
    hosts = _meant(desk, wanted)
    text, verb = _ASKED[command]
    whom = words.name(hosts[0].worker.id.host) if wanted != ALL else words.plural(len(hosts), "daemon")
    return ask(
        Question(
            title=f"{verb} {whom}?",
            text=text,
            button=f"{verb} {whom}",
            keep="Leave as is",
            action="/host/steer",
            back="/hosts",
            typed=str(len(hosts)) if wanted == ALL and command == "drain" else "",
            number="Worker processes" if command == "scale" else "",
            value=str(hosts[0].worker.id.worker_count or 1),
            fields={"command": command, "id": wanted},
        )
    )


def steer(desk: Desk, request: Request) -> Page:
    """Ask one daemon, or all, for a command; each answers after its next heartbeat."""
    command, wanted = request.told("command"), request.told("id")
    if command not in COMMANDS:
        raise HttpError(HTTPStatus.BAD_REQUEST, "The form names no act.", "Load the page anew.")
    if command not in PLAIN and not desk.signs:
        raise HttpError(
            HTTPStatus.CONFLICT,
            f"Nobody obeys an unsigned {command}.",
            "Start this page and the daemons with the same RESQD_SECRET. Nothing was changed.",
        )
    hosts = _meant(desk, wanted)
    if wanted == ALL and command == "drain" and request.told("typed").strip() != str(len(hosts)):
        raise HttpError(
            HTTPStatus.CONFLICT,
            f"What was typed is not {len(hosts)}, the number of daemons.",
            "Nothing was changed; go back and try again.",
        )
    workers = plain_number(request.told("number"), 0) if command == "scale" else 0
    if command == "scale" and not workers:
        raise HttpError(HTTPStatus.BAD_REQUEST, "That is no number of workers.", "Give 1 or more.")
    lives = desk.books.remote.lives([host.worker.id.text for host in hosts])
    if not lives:
        raise HttpError(
            HTTPStatus.CONFLICT,
            "This daemon cannot be asked.",
            "It has just begun, or is of an older release.",
        )
    act = secrets.token_hex(8)
    nonces = {life: f"{act}-{at}" for at, life in enumerate(lives.values())}
    by = str(request.environ.get("resqd.user", ""))
    desk.books.remote.ask(command, nonces, workers=workers, by=by, secret=desk.secret)
    desk.looks.forget()
    back = (
        link("/hosts", act=act, of=len(nonces)) if wanted == ALL else link("/host", id=wanted, act=act, of=1)
    )
    return Page(goto=back)


def _meant(desk: Desk, wanted: str) -> list[Host]:
    """Daemons of resqd's that are not silent; raises HttpError where there is none."""
    ours = [host for host in desk.looks.look().hosts if host.worker.ours]
    found = [host for host in ours if not host.silent and wanted in {ALL, host.worker.id.text}]
    if not found:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "There is no such daemon that answers.",
            "It has ended, is silent, or is a Ruby worker, which takes no acts. The page of hosts shows all.",
        )
    return found
