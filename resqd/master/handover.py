"""What the master carries over an exec in place: the fleet and the descriptors that live on, as bytes in a memfd."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import msgpack

from resqd.errors import ProtocolError
from resqd.master.commands.server import ControlServer
from resqd.master.fleet import Fleet, Snapshot
from resqd.master.lock import DaemonLock
from resqd.text import EXACT
from resqd.wire.doorbell import Bell
from resqd.wire.messages import Death

VARIABLE = "RESQD_HANDOVER"
"""The environment variable that names the memfd to the next program."""
FORMAT_VARIABLE = "RESQD_HANDOVER_FORMAT"
"""The environment variable that tells a reload's trial in which form the running program will hand over."""
FORMAT = 4
"""Counts what must be the same in both programs: these fields, the messages of the channels, and the pages' layout."""


@dataclass(frozen=True, slots=True)
class Handover:
    """Everything that is not to be found in the settings."""

    fleet: Snapshot
    epoch: str
    lock: int
    listener: int
    socket_file: tuple[int, int, int]
    """The trace of the control socket's file."""
    bell: tuple[int, int, int]
    held: tuple[int, ...]
    """Descriptors that only have to stay open, such as the embedded server's."""

    def close_on_exec(self) -> None:
        """After the exec: no other program is to get what this one only keeps."""
        for descriptor in (*self.bell, *self.held):
            os.set_inheritable(descriptor, False)


@dataclass(frozen=True, slots=True)
class Estate:
    """All that is handed over: what outlives a reload, and whose descriptors stay open."""

    epoch: str
    fleet: Fleet
    lock: DaemonLock
    server: ControlServer
    bell: Bell
    held: tuple[int, ...]

    def hand_over(self) -> int:
        """Make all descriptors that live on inheritable; the descriptor of the saved handover."""
        for descriptor in (*self.bell.descriptors, *self.held, *self.fleet.descriptors()):
            os.set_inheritable(descriptor, True)
        return save(
            Handover(
                fleet=self.fleet.snapshot(),
                epoch=self.epoch,
                lock=self.lock.hand_over(),
                listener=self.server.hand_over(),
                socket_file=self.server.bound,
                bell=self.bell.descriptors,
                held=self.held,
            )
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
    facts = asdict(handover)
    facts |= facts.pop("fleet")
    data: bytes = msgpack.packb({"format": FORMAT, **facts}, unicode_errors=EXACT)
    descriptor = os.memfd_create("resqd-handover", 0)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def load(descriptor: int) -> Handover:
    """Read what the last program saved, and close it. Errors: ProtocolError when another version wrote it."""
    with os.fdopen(descriptor, "rb") as file:
        facts: dict[str, Any] = msgpack.unpackb(file.read(), strict_map_key=False, unicode_errors=EXACT)
    if facts.pop("format", None) != FORMAT:
        raise ProtocolError("the handover of a reload is of another format; restart instead of reloading")
    for name in ("redis", "past", "bell", "held", "children", "socket_file"):
        facts[name] = tuple(facts[name])
    facts["deaths"] = tuple(
        Death(**{**each, "running": tuple(each["running"]), "convicted": tuple(each["convicted"])})
        for each in facts["deaths"]
    )
    fleet = Snapshot(**{each.name: facts.pop(each.name) for each in fields(Snapshot)})
    return Handover(fleet=fleet, **facts)
