"""Views of children that were never forked, for the pure parts of the master."""

from collections.abc import Mapping
from typing import Any, cast

from resqd.master.child import Account, Child, Demands, Grants, Identity, Life, Silence
from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet, FleetSettings
from resqd.master.timeouts import Limits
from resqd.wire.birth import Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Intent
from resqd.wire.messages import Death, Message, Running
from resqd.wire.requests import Call

LIMITS = Limits(boot=30.0, hang=60.0, heart=15.0, hang_busy=0.0, drain=50.0, kill_grace=5.0)


class Tape:
    """Takes the place of a channel, and keeps what is sent; `full` refuses."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.full = False
        self.pending = False

    def send(self, message: Message) -> bool:
        if not self.full:
            self.sent.append(message)
        return not self.full


class Client:
    """A client of the control socket with its call; `told` is what it was answered."""

    def __init__(self, command: str, **arguments: str | int) -> None:
        self.told: list[Mapping[str, Any]] = []
        call = Call(command, arguments)
        self.request = Request(
            call,
            by="resqctl of user 1000",
            reply=self.told.append,
        )


class Cells:
    """Takes the place of a page."""

    def __init__(self, *tokens: int) -> None:
        self.cells = list(tokens)
        self.names: dict[int, tuple[str, str, str, float]] = {}
        """Of a token that is named: the job's id, class, queue, and since when it runs."""
        self.limits: dict[int, float] = {}
        """Until when a token's job may run."""

    def running(self) -> tuple[int, ...]:
        return tuple(token for token in self.cells if token)

    def overdue(self, now: float) -> frozenset[int]:
        return frozenset(token for token in self.running() if now >= self.limits.get(token, float("inf")))

    def jobs(self) -> tuple[Running, ...]:
        return tuple(
            Running(thread, token, *self.names.get(token, ("", "", "", 0.0)), b"")
            for thread, token in enumerate(self.cells)
            if token
        )


_RECORDS: dict[str, Any] = {
    "grants": Grants,
    "life": Life,
    "account": Account,
    "demands": Demands,
    "silence": Silence,
}


def child(
    fork: int,
    kind: Kind = Kind.WORKER,
    *,
    index: int = 0,
    runs: tuple[int, ...] = (),
    outdated: bool = False,
    **facts: Any,
) -> Child:
    """A child that has booted and works, but for the facts given: each is of one of its records."""
    channel, page = facts.pop("channel", cast(Channel, Tape())), facts.pop("page", cast(Page, Cells(*runs)))
    basic: dict[str, Any] = {
        "state": Intent.RUNNING,
        "told": Intent.RUNNING,
        "booted": True,
        "heard": 0.0,
        "slots": 2,
        "quotas": {},
        "owned": {},
    }
    given = basic | facts
    records = {
        name: record(**{each: given.pop(each) for each in record.__slots__ if each in given})
        for name, record in _RECORDS.items()
    }
    assert not given, f"a child has no {given}"
    return Child(Identity(1000 + fork, kind, index, fork, channel, page, 0.0, outdated), **records)


def housekeeper(fork: int = 99, **facts: Any) -> Child:
    """The housekeeper."""
    return child(fork, Kind.HOUSEKEEPER, slots=0, **facts)


def fleet(
    *children: Child,
    intent: Intent = Intent.RUNNING,
    workers: int = 1,
    threads: int = 2,
    suspects: int = 0,
    unsettled: bool = False,
    **settings: Any,
) -> Fleet:
    """A fleet of two threads a worker."""
    known = FleetSettings(
        **{"name": "resqd", "burst": False, "limits": LIMITS, **settings, "thread_count": threads}
    )
    made = Fleet(known, worker_count=workers, started=0.0, commanded=intent)
    made.children += children
    made.suspects.count = suspects
    if unsettled:
        made.losses.deaths[77] = Death(77, 1077, (), (), blamed=True, probation=False, reason="it crashed")
    return made


def tape(one: Child) -> list[Message]:
    """What was sent to a child."""
    return cast(Tape, one.channel).sent
