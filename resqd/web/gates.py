"""Limits and unique jobs: the pages, and what may be done about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NoReturn

from resqd.store.gates.gates import Gates, LimitLine
from resqd.store.unique.locks import Lock
from resqd.web import words
from resqd.web.http import HttpError, Page, link
from resqd.web.questions import Question, ask
from resqd.web.views import limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from resqd.web.desk import Desk
    from resqd.web.http import Request

    T = TypeVar("T")

_MOST = 1_000_000
_DIGITS = 7


def show_limits(desk: Desk, request: Request) -> Page:  # noqa: ARG001 - every page is called alike
    """All limits, those first for which jobs wait."""
    rows = [limits.limit_row(line) for line in _on(desk, lambda gates: gates.lines())]
    rows.sort(key=lambda row: (not row.full, row.line.name))
    return Page("limits.html", {"rows": rows})


def show_limit(desk: Desk, request: Request) -> Page:
    """One limit: its values where jobs wait, and who holds and waits at one of them."""
    name, value = _named(request), request.asked("value")
    line = _line(desk, name)
    gate = f"{name}={value}" if value else name

    def look(gates: Gates) -> dict[str, object]:
        chosen = gates.gate(gate, line.definition)
        shown = [gates.gate(each, line.definition) for each in gates.values_of(name)[: limits.WAITING]]
        waiting = [
            limits.waiting_row(each, gate, desk.masks) for each in gates.waiting_at(gate, limits.WAITING)
        ]
        return limits.limit(limits.limit_row(line), shown, chosen, waiting)

    return Page("limit.html", _on(desk, look))


def ask_limit(desk: Desk, request: Request) -> Page:
    """Before another number takes the place of a limit's own."""
    line = _line(desk, _named(request))
    row = limits.limit_row(line)
    return ask(
        Question(
            title=f"Set the limit {words.cut(line.name, 80)}?",
            text=f"Declared is {row.declared}. What is set takes its place at once, on all hosts, until it is given "
            "back. With 0 no job under it begins.",
            button="Set limit",
            keep="Leave as is",
            action="/limit/set",
            back="/limits",
            number="How many",
            least=0,
            most=_MOST,
            value=str(
                line.people if line.people is not None else row.declared.partition(" ")[0].replace(",", "")
            ),
            fields={"name": line.name},
        )
    )


def set_limit(desk: Desk, request: Request) -> Page:
    """Let another number take the place of a limit's own."""
    name, number = _line(desk, request.told("name")).name, request.told("number")
    if not number.isascii() or not number.isdecimal() or len(number) > _DIGITS or int(number) > _MOST:
        raise HttpError(
            HTTPStatus.BAD_REQUEST, "That is no number.", f"Give 0 to {_MOST:,}; nothing was changed."
        )
    _on(desk, lambda gates: gates.set_most(name, int(number)))
    return Page(goto=link("/limit", name=name, done="limit-set"))


def unset_limit(desk: Desk, request: Request) -> Page:
    """Give a limit's own number its way again."""
    name = _line(desk, request.told("name")).name
    _on(desk, lambda gates: gates.set_most(name, None))
    return Page(goto=link("/limit", name=name, done="limit-declared"))


def show_unique(desk: Desk, request: Request) -> Page:
    """Locks of unique jobs; one by its fingerprint."""
    locks, sought = desk.app.store.locks, request.asked("fingerprint")
    found = locks.find(sought) if sought else None
    shown = locks.some(limits.LOCKS) if not sought else [found] if found is not None else []
    return Page("unique.html", limits.unique(shown, locks.counts(), sought, desk.looks.look().now))


def ask_release(desk: Desk, request: Request) -> Page:
    """Before a lock is released."""
    lock = desk.app.store.locks.find(request.asked("fingerprint"))
    if lock is None:
        _gone()
    held = f"job {words.short_id(lock.ticket)}" if lock.ticket else "a window"
    return ask(
        Question(
            title=f"Release the lock of {held}?",
            text="The job itself stays where it is; another one like it may be enqueued beside it, and run at the "
            "same time.",
            button="Release lock",
            keep="Keep it",
            action="/unique/release",
            back="/unique",
            fields={"fingerprint": lock.fingerprint, "ticket": lock.ticket},
        )
    )


def release(desk: Desk, request: Request) -> Page:
    """Release one lock, if the same job still holds it."""
    ticket = request.form.get("ticket", [""])[-1]
    if not desk.app.store.locks.release_one(Lock(request.told("fingerprint"), ticket)):
        _gone()
    return Page(goto=link("/unique", done="release"))


def _gone() -> NoReturn:
    raise HttpError(
        HTTPStatus.CONFLICT, "This lock is gone, or another job's by now.", "Nothing was changed."
    )


def _line(desk: Desk, name: str) -> LimitLine:
    for line in _on(desk, lambda gates: gates.lines()):
        if line.name == name:
            return line
    raise HttpError(
        HTTPStatus.NOT_FOUND,
        "There is no limit of that name.",
        "No daemon declares it, and nobody has set it. The page of limits shows all.",
    )


def _named(request: Request) -> str:
    return request.asked("name")


def _on(desk: Desk, use: Callable[[Gates], T]) -> T:
    return desk.app.store.on_link(lambda link, keys: use(Gates(link=link, keys=keys)))
