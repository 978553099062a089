"""What the master carries over an exec in place: its children and its books, as bytes in a memfd."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgpack

from resqd.errors import ProtocolError
from resqd.master.child import NO_STATS, Child
from resqd.text import EXACT
from resqd.wire.birth import Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.messages import Death

VARIABLE = "RESQD_HANDOVER"
"""The environment variable that names the memfd to the next program."""
FORMAT_VARIABLE = "RESQD_HANDOVER_FORMAT"
"""The environment variable that tells a reload's trial in which form the running program will hand over."""
FORMAT = 4
"""Counts what must be the same in both programs: these fields, the messages of the channels, and the pages' layout."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Everything that is not to be found in the settings. Moments are of the system's monotonic clock."""

    epoch: str
    forks: int
    started: float
    commanded: str
    last_exits: dict[int, str]
    redis: tuple[str, float]
    """What the housekeeper said last of Redis, and since when."""
    suspects: int
    worker_count: int
    past: tuple[int, int]
    lock: int
    listener: int
    socket_file: tuple[int, int, int]
    """The trace of the control socket's file."""
    bell: tuple[int, int, int]
    held: tuple[int, ...]
    """Descriptors that only have to stay open, such as the embedded server's."""
    deaths: tuple[Death, ...]
    children: tuple[dict[str, Any], ...]


def describe(child: Child) -> dict[str, Any]:
    """A child as the next program needs it; what it is told again by reports is left out."""
    return {
        "pid": child.pid,
        "kind": child.kind.value,
        "index": child.index,
        "fork": child.fork,
        "channel": child.channel.fileno(),
        "page": child.page.descriptor,
        "threads": len(child.page.cells),
        "leftovers": child.channel.leftovers(),
        "born": child.born,
        "state": child.state,
        "granted": child.granted,
        "quotas": child.quotas,
        "owned": child.owned,
        "orders": child.orders,
        "released": child.released,
        "booted": child.booted,
        "near_end": child.near_end,
        "told": child.told,
        "leave_by": child.leave_by,
        "retiring": child.retiring,
        "retiring_since": child.retiring_since,
        "processed": child.stats.processed,
        "failed": child.stats.failed,
    }


def adopt(facts: dict[str, Any], now: float) -> Child:
    """The view of a child that the last program forked: it runs that program's code, so it is outdated."""
    for descriptor in (facts["channel"], facts["page"]):
        os.set_inheritable(descriptor, False)
    unsent, unread = facts["leftovers"]
    return Child(
        pid=facts["pid"],
        kind=Kind(facts["kind"]),
        index=facts["index"],
        fork=facts["fork"],
        channel=Channel(socket.socket(fileno=facts["channel"]), unsent=unsent, unread=unread),
        page=Page(facts["threads"], facts["page"]),
        born=facts["born"],
        heard=now,
        state=facts["state"],
        granted=facts["granted"],
        quotas=facts["quotas"],
        owned=facts["owned"],
        orders=facts["orders"],
        booted=facts["booted"],
        near_end=facts["near_end"],
        released=facts["released"],
        told=facts["told"],
        leave_by=facts["leave_by"],
        retiring=facts["retiring"],
        retiring_since=facts["retiring_since"],
        outdated=True,
        stats=replace(NO_STATS, processed=facts["processed"], failed=facts["failed"]),
    )


def refuse_other(environ: Mapping[str, str]) -> None:
    """In a reload's trial: whether this program could take over. Errors: ProtocolError."""
    theirs = environ.get(FORMAT_VARIABLE, str(FORMAT))
    if theirs != str(FORMAT):
        raise ProtocolError(
            f"the new resqd takes over format {FORMAT} and the running one gives format {theirs}: "
            "restart instead of reloading"
        )


def save(handover: Handover) -> int:
    """Write it into a memfd that survives the exec; the descriptor."""
    data: bytes = msgpack.packb({"format": FORMAT, **asdict(handover)}, unicode_errors=EXACT)
    descriptor = os.memfd_create("resqd-handover", 0)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def load(descriptor: int) -> Handover:
    """Read what the last program saved, and close it. Errors: ProtocolError when another version wrote it."""
    with os.fdopen(descriptor, "rb") as file:
        facts = msgpack.unpackb(file.read(), strict_map_key=False, unicode_errors=EXACT)
    if facts.pop("format", None) != FORMAT:
        raise ProtocolError("the handover of a reload is of another format; restart instead of reloading")
    for name in ("redis", "past", "bell", "held", "children", "socket_file"):
        facts[name] = tuple(facts[name])
    facts["deaths"] = tuple(
        Death(**{**each, "running": tuple(each["running"]), "convicted": tuple(each["convicted"])})
        for each in facts["deaths"]
    )
    return Handover(**facts)
