"""What the children tell the master."""

from __future__ import annotations

from dataclasses import dataclass, field

from resqd.wire.messages.jobs import JobMetrics, Running


@dataclass(frozen=True, slots=True)
class Booted:
    """The child is ready."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a Ping."""


@dataclass(frozen=True, slots=True)
class Stats:
    """A worker's own account. The counters run from its birth, so a lost report loses nothing.

    `pace` is in jobs a second, 0 when it is not known. `missing` job threads there should be and are not;
    `replaced` ones have ended out of turn since its birth, and stand again. `loop_blocked_by` is the async job, if any,
    that has not let the event loop go on for a second.
    """

    processed: int
    failed: int
    reserved: int
    buffered: int
    pace: float
    rss_bytes: int
    cpu_seconds: float
    redis: str
    running: tuple[Running, ...]
    metrics: tuple[JobMetrics, ...]
    missing: int = 0
    replaced: int = 0
    retried: int = 0
    discarded: int = 0
    expired: int = 0
    timeouts: int = 0
    loop_blocked_by: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The child's state changed: running, paused, draining or stopping."""

    name: str


@dataclass(frozen=True, slots=True)
class Released:
    """So many of the worker's threads, in all, have run their last job."""

    count: int


@dataclass(frozen=True, slots=True)
class Yielded:
    """How many jobs of each capped queue the worker may hold at most from now on, by the order of this number.

    It is more than ordered while jobs in hand have to end, and less when the worker reserves no more.
    """

    serial: int
    quotas: dict[str, int]


@dataclass(frozen=True, slots=True)
class NearEnd:
    """The worker is near its last permit: a successor should be made ready."""


@dataclass(frozen=True, slots=True)
class Killing:
    """Answers a Kill with a job id, and says what else is struck: the token, 0 when the job does not run here.

    `late`: because its time was over.
    """

    job_id: str
    token: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Stacks:
    """Answers DumpStacks."""

    request: int
    text: str


REDIS_OK = "ok"
"""What children say about Redis when it answers."""
REDIS_REFUSED = "refused: "
"""What their text begins with where Redis refuses us: that does not pass by itself."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The housekeeper's account: how Redis is, and how many suspects wait for probation, also of each capped queue.

    `by_shard`: how many on each, by its number, where there are several.
    """

    redis: str
    since: float
    suspects: int
    capped_suspects: dict[str, int] = field(default_factory=dict)
    by_shard: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """The housekeeper has put away the jobs of these dead forks."""

    forks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PauseFile:
    """The housekeeper has seen a pause file appear (its path) or all of them go ('')."""

    path: str


@dataclass(frozen=True, slots=True)
class KillThread:
    """A web page asked to kill the job that this thread of this worker process showed; not every job has an id."""

    pid: int
    thread: int
    token: int


@dataclass(frozen=True, slots=True)
class Relocated:
    """Another Redis server takes the writes now: drop the links. The housekeeper says it, and workers are told so."""


@dataclass(frozen=True, slots=True)
class Exiting:
    """The child's last message: recycled, drained, stopped, burst, fenced, orphaned, or an error's text.

    Where Redis may forget what it has confirmed: `ended` are the jobs that have succeeded (inflight/ended.py), and
    `dismissed` the tokens of those among the last that had more to settle than that.
    """

    reason: str
    ended: str = ""
    dismissed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Answers Confirm: this state has taken effect. Unless it is running, no further job begins on any thread.

    `request` 0 answers all to come: the worker is at its end and begins no job any more.
    """

    request: int
    state: str


@dataclass(frozen=True, slots=True)
class Usable:
    """How many jobs of each capped queue the worker could run now, with those that it holds, whatever it may hold."""

    quotas: dict[str, int]


@dataclass(frozen=True, slots=True)
class QueuePauses:
    """The housekeeper has seen which queues are paused, and the key that pauses them all; '' where none does."""

    queues: tuple[str, ...]
    by_key: str


@dataclass(frozen=True, slots=True)
class RemoteAct:
    """A web page asks this daemon for a command, and may; `nonce` is its number, `workers` what `scale` is to reach."""

    command: str
    workers: int
    nonce: str
    by: str
