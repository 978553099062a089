"""One life of one worker process, as the index of its daemon lists it."""

from __future__ import annotations

import json
from dataclasses import dataclass


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
