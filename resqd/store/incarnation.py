"""One life of one worker process, as the index of its daemon lists it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

_START_TIME = 19
"""Where proc(5)'s stat has the start time, counted behind the process's name."""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """Who holds jobs in flight.

    `daemon` is the stable `HOST/NAME`; `epoch` the master's nonce, new at each start, and `fork` the number of the
    worker in it. `pid`, `start_time` (in clock ticks after boot, as in `/proc/PID/stat`) and `boot_id` let the
    next master on this host see whether the process still lives.
    """

    daemon: str
    epoch: str
    fork: int
    pid: int
    start_time: int
    boot_id: str

    @property
    def id(self) -> str:
        """The incarnation's name, never used again."""
        return f"{self.epoch}.{self.fork}"

    def to_json(self) -> str:
        """The facts as the index keeps them."""
        facts = {"daemon": self.daemon, "epoch": self.epoch, "fork": self.fork, "pid": self.pid,
                 "start_time": self.start_time, "boot_id": self.boot_id}  # fmt: skip
        return json.dumps(facts)

    @classmethod
    def from_index(cls, daemon: str, own_id: str, facts: str) -> Incarnation:
        """An entry of a daemon's index. The id alone is enough to recover its jobs, so facts may be missing."""
        epoch, _, fork = own_id.rpartition(".")
        try:
            known = json.loads(facts)
            pid, start_time, boot_id = int(known["pid"]), int(known["start_time"]), str(known["boot_id"])
        except (ValueError, TypeError, KeyError):
            pid, start_time, boot_id = 0, 0, ""
        return cls(daemon, epoch, int(fork) if fork.isdigit() else 0, pid, start_time, boot_id)


def of_this_process(*, daemon: str, epoch: str, fork: int) -> Incarnation:
    """The incarnation that this process is, with the facts of proc(5)."""
    start_time, boot_id = _facts("self")
    return Incarnation(daemon, epoch, fork, os.getpid(), start_time, boot_id)


def gone(incarnation: Incarnation) -> bool:
    """Whether a process of this host is no more: another boot, no such pid, or the pid is another process now."""
    try:
        now = _facts(incarnation.pid)
    except FileNotFoundError:
        return True
    return now != (incarnation.start_time, incarnation.boot_id)


def _facts(pid: int | str) -> tuple[int, str]:
    """Start time and boot id of a process. Errors: FileNotFoundError when there is none of this pid."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    after_name = stat.rpartition(b")")[2].split()  # the name may hold spaces and brackets
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return int(after_name[_START_TIME]), boot_id
