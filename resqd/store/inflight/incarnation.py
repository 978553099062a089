"""One life of one worker process, as the index of its daemon lists it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from resqd.store.names import number

_STATE, _START_TIME = 0, 19
"""Where proc(5)'s stat has the state and the start time, counted behind the process's name."""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """Who holds jobs in flight.

    `daemon` is the stable `HOST/NAME`; `epoch` the master's nonce, new at each start, and `fork` the number of the
    worker in it. `pid`, `start_time` (in clock ticks after boot, as in `/proc/PID/stat`) and `place` (the boot and
    the pid namespace, outside of which a pid means nothing) let the next master see whether the process still lives.
    `master` is the pid and the start time of the master that forked it, which stay over a reload; (0, 0) where an
    older release has not told them. `homeward`: on another shard than home it may have sent jobs there.
    """

    daemon: str
    epoch: str
    fork: int
    pid: int
    start_time: int
    place: str
    master: tuple[int, int] = (0, 0)
    homeward: bool = False

    @property
    def id(self) -> str:
        """The incarnation's name, never used again."""
        return f"{self.epoch}.{self.fork}"

    def to_json(self) -> str:
        """The facts as the index keeps them."""
        facts = {"daemon": self.daemon, "epoch": self.epoch, "fork": self.fork, "pid": self.pid,
                 "start_time": self.start_time, "place": self.place, "master": list(self.master)}  # fmt: skip
        return json.dumps(facts | ({"homeward": True} if self.homeward else {}))

    @property
    def life(self) -> str:
        """The life of a daemon that it is part of, whose heartbeats show whether somebody is at home."""
        return life(self.daemon, self.epoch)

    @classmethod
    def from_index(cls, daemon: str, own_id: str, facts: str) -> Incarnation:
        """An entry of a daemon's index. The id alone is enough to recover its jobs, so facts may be missing."""
        epoch, _, fork = own_id.rpartition(".")
        try:
            known = json.loads(facts)
            pid, start_time, place = int(known["pid"]), int(known["start_time"]), str(known["place"])
            master = tuple(map(int, known.get("master", (0, 0))))
            homeward = known.get("homeward") is True
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            pid, start_time, place, master, homeward = 0, 0, "", (0, 0), False
        masters = (master[0], master[1]) if len(master) == 2 else (0, 0)
        return cls(daemon, epoch, number(fork) or 0, pid, start_time, place, masters, homeward)


def life(daemon: str, epoch: str) -> str:
    """The name of one life of a daemon's master: two daemons may share a name and a host's name, never a life."""
    return f"{daemon}:{epoch}"


def of_life(name: str) -> tuple[str, str]:
    """The daemon and the epoch of a life's name."""
    daemon, _, epoch = name.rpartition(":")
    return daemon, epoch


def of_this_process(
    *,
    daemon: str,
    epoch: str,
    fork: int,
    place: str,
    master: tuple[int, int] = (0, 0),
    homeward: bool = False,
) -> Incarnation:
    """The incarnation that this process is, with the facts of proc(5); `place` is that of the master, too."""
    pid, start_time = this_process()
    return Incarnation(daemon, epoch, fork, pid, start_time, place, master, homeward)


def this_process() -> tuple[int, int]:
    """The pid and the start time of this process, which no other process of this boot has."""
    return os.getpid(), int(_stat("self")[_START_TIME])


def is_foreign(incarnation: Incarnation) -> bool:
    """Whether its pid says nothing here: it ran before a reboot, or in another container or machine of our name."""
    return incarnation.place != this_place()


def gone(incarnation: Incarnation) -> bool:
    """Whether a process that is not foreign has ended."""
    return _ended(incarnation.pid, incarnation.start_time)


def orphaned(incarnation: Incarnation) -> bool:
    """Whether the master of a process that is not foreign has ended for sure, so that nobody steers it any more."""
    return incarnation.master != (0, 0) and _ended(*incarnation.master)


def _ended(pid: int, start_time: int) -> bool:
    """No such pid, a zombie, or the pid is another's now."""
    try:
        stat = _stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat[_STATE] in (b"Z", b"X") or int(stat[_START_TIME]) != start_time


def this_place() -> str:
    """The boot of this machine and the pid namespace of this process: where its pid means something."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _stat(pid: int | str) -> list[bytes]:
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        stat = file.read()
    return stat.rpartition(b")")[2].split()  # the name before may hold spaces and brackets
