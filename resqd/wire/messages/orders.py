"""What the master tells its children."""

from __future__ import annotations

from dataclasses import dataclass

from resqd.wire.messages.jobs import JobMetrics, Running


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
    killed the process, and `late` those of them that had run out of their time. `blamed` says whether the running
    jobs may have killed it. Its jobs are on the shard of that number.
    """

    fork: int
    pid: int
    running: tuple[int, ...]
    convicted: tuple[int, ...]
    blamed: bool
    probation: bool
    reason: str
    late: tuple[int, ...] = ()
    shard: int = 0


@dataclass(frozen=True, slots=True)
class Alive:
    """To the housekeeper: of all forks up to `forks`, those in `alive` live; the others are dead for sure."""

    forks: int
    alive: tuple[int, ...]
    deaths: tuple[Death, ...]


@dataclass(frozen=True, slots=True)
class Farewell:
    """To the housekeeper, before it hears that this fork is dead: what it had ended, in the words of its Exiting."""

    fork: int
    ended: str
    dismissed: tuple[int, ...]


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


@dataclass(frozen=True, slots=True)
class Vitals:
    """To the housekeeper, for scrapers: what only the master knows of the daemon, every two seconds.

    `booted` of `wanted` workers are up; `busy` of `threads` threads run a job; `in_flight` jobs are held by workers.
    `exits` are workers that ended, by reason. `uptime` is in seconds.
    """

    intent: str
    wanted: int
    booted: int
    threads: int
    busy: int
    in_flight: int
    suspects: int
    uptime: float
    rss_bytes: int
    processed: int
    failed: int
    exits: dict[str, int]


@dataclass(frozen=True, slots=True)
class KillJobs:
    """To a worker: kill every current job; go on processing. Not a Kill that lacks a name, so that none is one."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """To a worker: say so when what it was told before this has taken effect."""

    request: int


@dataclass(frozen=True, slots=True)
class PausedQueues:
    """To a worker: take no job from these queues until told otherwise."""

    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActAnswered:
    """To the housekeeper: what came of a RemoteAct, in one line."""

    command: str
    nonce: str
    by: str
    ok: bool
    said: str
