"""How a job ended, as JSON under its id: written by whoever ends it, read by whoever waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast, get_args

from resqd.errors import PayloadError
from resqd.store.debts import Debt, Debts
from resqd.store.names import is_name
from resqd.store.resque.encoding import dump
from resqd.store.resque.payload import load
from resqd.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KIND: Final = "kept"
"""What a job owes whose end is to be kept; its member is SECONDS ID, and behind these what is to be written."""
LONGEST: Final = 1 << 20
"""The most bytes of a result: it stands in Redis's memory."""
_ERROR: Final = 2_000
"""The most characters of an error's text."""

Ending = Literal["done", "failed", "discarded", "expired", "removed"]
State = Literal["pending", "done", "failed", "discarded", "expired", "removed"]


class Outcome(NamedTuple):
    """How a job ended, or that it has not. `error` says why it failed, or why what it returned is not kept."""

    state: State
    value: Any = None
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the job runs no more."""
        return self.state != "pending"


PENDING: Final = Outcome("pending")


def debt_for(job_id: str, seconds: float) -> Debt:
    """What a job owes whose end is kept for so many seconds."""
    return Debt(KIND, f"{max(1, round(seconds))} {job_id}")


def kept(debts: Debts, job_id: str | None, seconds: float | None) -> Debts:
    """The debts of a job whose end is kept for so many seconds, whether its producer knew that or not."""
    if seconds is None or not job_id or " " in job_id or not is_name(job_id) or _owes(debts):
        return debts
    return (*debts, debt_for(job_id, seconds))


def with_value(debts: Debts, value: object, seal: Callable[[object], object] | None = None) -> Debts:
    """The debts of a job that has returned something; also why that is not kept, where it is not.

    `seal` encrypts the value.
    """
    return _written(debts, lambda: _valued(value, seal))


def with_error(debts: Debts, error: tuple[str, str]) -> Debts:
    """The debts of a job that has failed, with the type and text of its error."""
    return _written(debts, lambda: {"state": "failed", "error": f"{error[0]}: {error[1]}"[:_ERROR]})


def without_value(debts: Debts) -> Debts:
    """The debts of a job that is known to have succeeded, and of which no more is known."""
    error = "its process ended before what it had returned was written"
    return _written(debts, lambda: {"state": "done", "error": error})


def refusal(debts: Debts) -> str | None:
    """Why what a job has returned is not kept, although it should be."""
    for debt in debts:
        if debt.kind == KIND and (outcome := read(debt.member.split(" ", 2)[-1].encode())).state == "done":
            return outcome.error
    return None


def read(raw: bytes | None) -> Outcome:
    """What stands in Redis. What nobody of ours wrote counts as nothing. Never raises."""
    try:
        found = load(raw) if raw is not None else None
    except PayloadError:
        return PENDING
    if not isinstance(found, dict) or found.get("state") not in get_args(Ending):
        return PENDING
    error = found.get("error")
    return Outcome(
        cast("State", found["state"]), found.get("value"), error if isinstance(error, str) else None
    )


def _owes(debts: Debts) -> bool:
    return any(debt.kind == KIND for debt in debts)


def _written(debts: Debts, outcome: Any) -> Debts:
    if not _owes(debts):
        return debts
    text = dump(outcome()).decode()
    return tuple(Debt(KIND, f"{debt.member} {text}") if debt.kind == KIND else debt for debt in debts)


def _valued(value: object, seal: Callable[[object], object] | None) -> Mapping[str, Any]:
    try:
        size = len(dump({"value": value}))
        value = seal(value) if seal is not None else value
    except PayloadError as error:
        return {"state": "done", "error": shown(f"the result cannot be written as JSON: {error}")}
    if size > LONGEST:
        return {
            "state": "done",
            "error": f"the result has {size} bytes, and more than {LONGEST} are not kept",
        }
    return {"state": "done", "value": value}
