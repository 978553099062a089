"""The messages between the master and its children, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

# --- master -> child ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """Take no new jobs."""


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause, or take back a drain."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Finish the current jobs, then exit."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Kill the current jobs, then exit."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the job of this id as it is shown, or with this token where that is not 0; go on processing."""

    job_id: str = ""
    token: int = 0


@dataclass(frozen=True, slots=True)
class Slots:
    """How many jobs the worker may run at once, and how many of each capped queue; `serial` numbers these orders."""

    count: int
    quotas: dict[str, int]
    serial: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a Pong, the sign of a living control thread."""


@dataclass(frozen=True, slots=True)
class DumpStacks:
    """Asks for the Python stack of every thread."""

    request: int


@dataclass(frozen=True, slots=True)
class Death:
    """The last words of a worker that died with jobs on its threads, from its shared page.

    `running` are the tokens that ran. `convicted` are those among them for whose sake resqd itself
    killed the process. `blamed` says whether the running jobs may have killed it.
    """

    fork: int
    pid: int
    running: tuple[int, ...]
    convicted: tuple[int, ...]
    blamed: bool
    probation: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Alive:
    """To the housekeeper: of all forks up to `forks`, those in `alive` live; the others are dead for sure."""

    forks: int
    alive: tuple[int, ...]
    deaths: tuple[Death, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A job on a thread, its names as they are shown. `since` is in seconds of the system's monotonic clock."""

    thread: int
    token: int
    job_id: str
    job_class: str
    queue: str
    since: float
    payload: bytes


@dataclass(frozen=True, slots=True)
class JobMetrics:
    """What happened to jobs of one class since the last report; times in milliseconds."""

    job_class: str
    started: int
    succeeded: int
    failed: int
    run_ms: tuple[float, ...]
    wait_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """To the housekeeper, for web pages and statsd: what one worker process runs now, its metrics, its threads' state.

    `missing` as in Stats, `replaced` those since the last such message.
    """

    pid: int
    running: tuple[Running, ...]
    metrics: tuple[JobMetrics, ...]
    missing: int = 0
    replaced: int = 0


# --- child -> master ------------------------------------------------------------------


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
    `replaced` ones have ended out of turn since its birth, and stand again.
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
    """Answers a Kill with a job id, and says what else is struck: the token, 0 when the job does not run here."""

    job_id: str
    token: int


@dataclass(frozen=True, slots=True)
class Stacks:
    """Answers DumpStacks."""

    request: int
    text: str


REDIS_OK = "ok"
"""What children say about Redis when it answers."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The housekeeper's account: how Redis is, and how many suspects wait for probation, also of each capped queue."""

    redis: str
    since: float
    suspects: int
    capped_suspects: dict[str, int] = field(default_factory=dict)


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
class Exiting:
    """The child's last message: recycled, drained, stopped, burst, fenced, orphaned, or an error's text."""

    reason: str


@dataclass(frozen=True, slots=True)
class KillJobs:
    """To a worker: kill every current job; go on processing. Not a Kill that lacks a name, so that none is one."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """To a worker: say so when what it was told before this has taken effect."""

    request: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Answers Confirm: this state has taken effect. Unless it is running, no further job begins on any thread.

    `request` 0 answers all to come: the worker is at its end and begins no job any more.
    """

    request: int
    state: str


Message = (
    Pause
    | Resume
    | Drain
    | Stop
    | Kill
    | Slots
    | Ping
    | DumpStacks
    | Alive
    | Busy
    | Booted
    | Pong
    | Stats
    | State
    | Released
    | Yielded
    | NearEnd
    | Killing
    | Stacks
    | Upkeep
    | Settled
    | PauseFile
    | KillThread
    | Exiting
    | KillJobs
    | Confirm
    | Confirmed
)
