"""Views of children that were never forked, for the pure parts of the master."""

from typing import Any, cast

from resqd.master.child import Child
from resqd.master.plan import Fleet
from resqd.wire.birth import Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.intent import Intent
from resqd.wire.messages import Message, Running


class Tape:
    """Takes the place of a channel, and keeps what is sent; `full` refuses."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.full = False

    def send(self, message: Message) -> bool:
        if not self.full:
            self.sent.append(message)
        return not self.full


class Cells:
    """Takes the place of a page."""

    def __init__(self, *tokens: int) -> None:
        self.cells = list(tokens)
        self.names: dict[int, tuple[str, str, str, float]] = {}
        """Of a token that is named: the job's id, class, queue, and since when it runs."""

    def running(self) -> tuple[int, ...]:
        return tuple(token for token in self.cells if token)

    def jobs(self) -> tuple[Running, ...]:
        return tuple(
            Running(thread, token, *self.names.get(token, ("", "", "", 0.0)), b"")
            for thread, token in enumerate(self.cells)
            if token
        )


def child(
    fork: int, kind: Kind = Kind.WORKER, *, index: int = 0, runs: tuple[int, ...] = (), **facts: Any
) -> Child:
    """A child that has booted and works, but for the facts given."""
    basic: dict[str, Any] = {
        "pid": 1000 + fork,
        "kind": kind,
        "index": index,
        "fork": fork,
        "channel": cast(Channel, Tape()),
        "page": cast(Page, Cells(*runs)),
        "born": 0.0,
        "heard": 0.0,
        "state": "running",
        "told": "running" if kind is not Kind.HOUSEKEEPER else "",
        "granted": 2,
        "quotas": {},
        "owned": {},
        "booted": True,
    }
    return Child(**{**basic, **facts})


def housekeeper(fork: int = 99, **facts: Any) -> Child:
    """The housekeeper."""
    return child(fork, Kind.HOUSEKEEPER, granted=0, **facts)


def fleet(*children: Child, intent: Intent = Intent.RUNNING, workers: int = 1, **facts: Any) -> Fleet:
    """A fleet of two threads a worker."""
    return Fleet(
        name="resqd",
        intent=intent,
        worker_count=workers,
        thread_count=2,
        burst=False,
        children=list(children),
        **facts,
    )


def tape(one: Child) -> list[Message]:
    """What was sent to a child."""
    return cast(Tape, one.channel).sent
