"""What the master gives to a child at the fork."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from resqd.wire.bell import Bell
from resqd.wire.channel import Channel
from resqd.wire.page import Page


class Kind(Enum):
    """What a child is: a worker, a worker on probation (for suspects, one thread, one job), the housekeeper."""

    WORKER = "worker"
    PROBATION = "probation"
    HOUSEKEEPER = "housekeeper"


@dataclass(frozen=True, slots=True)
class Birth:
    """A child's inheritance. `epoch` is the master's nonce; with `fork` it names the incarnation.

    `pace` is that of the worker before it at its place, in jobs a second; 0 when it is not known.
    """

    kind: Kind
    index: int
    fork: int
    epoch: str
    master_pid: int
    state: str
    slots: int
    pace: float
    quotas: dict[str, int]
    channel: Channel
    page: Page
    bell: Bell
