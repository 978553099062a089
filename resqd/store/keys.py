"""The names of all keys in Redis, and of workers; names, patterns and numbers as others wrote them there."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_WILD = re.compile(r"[*?\[\]{}]")


def is_pattern(name: str) -> bool:
    """Whether a queue's name stands for all that match it: it has one of `* ? [] {}`."""
    return _WILD.search(name) is not None


def literal_head(pattern: str) -> str:
    """What every name that matches begins with."""
    return _WILD.split(pattern, maxsplit=1)[0]


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern, or the plain name, stands for this queue."""
    if not is_pattern(pattern):
        return pattern == name
    return any(fnmatch.fnmatchcase(name, each) for each in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [each for choice in match[1].split(",") for each in _alternatives(head + choice + tail)]


def to_bytes(name: str) -> bytes:
    """The bytes of a name as Redis holds them; the inverse of `to_text`, whatever the bytes are."""
    return name.encode("utf-8", "surrogateescape")


def to_text(name: bytes) -> str:
    """The name for bytes from Redis; bytes that are not UTF-8 become lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def is_name(text: str) -> bool:
    """Whether bytes of Redis's can be meant: JSON, unlike them, may hold a lone surrogate of any kind."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key, below one namespace. Worker ids, queues and daemons go into names as they are."""

    namespace: str = "resque"

    @property
    def queues(self) -> str:
        """The set of queues' names."""
        return f"{self.namespace}:queues"

    @property
    def queue_prefix(self) -> str:
        """What stands before a queue's name in its key."""
        return f"{self.namespace}:queue:"

    def queue(self, name: str) -> str:
        """The list of one queue's payloads."""
        return f"{self.namespace}:queue:{name}"

    def removed(self, name: str) -> str:
        """Where the jobs of a queue go that is removed, until what they owe is settled."""
        return f"{self.namespace}:resqd:removed:{name}"

    @property
    def creditors(self) -> tuple[str, ...]:
        """What is there when any job may owe something at its end."""
        return (self.unique, self.results_kept)

    @property
    def failed(self) -> str:
        """The list of failure records."""
        return f"{self.namespace}:failed"

    def failed_queue(self, queue: str) -> str:
        """The list of one queue's failure records, where each queue has its own."""
        return f"{self.namespace}:{queue}_failed"

    @property
    def failed_queues(self) -> str:
        """The set of the names of such lists."""
        return f"{self.namespace}:failed_queues"

    def stat(self, name: str) -> str:
        """A counter, such as `processed` or `failed:WORKER_ID`."""
        return f"{self.namespace}:stat:{name}"

    @property
    def workers(self) -> str:
        """The set of registered workers' ids."""
        return f"{self.namespace}:workers"

    @property
    def heartbeats(self) -> str:
        """The hash of worker id to the time of its last heartbeat."""
        return f"{self.namespace}:workers:heartbeat"

    def worker(self, worker_id: str) -> str:
        """What one registered worker works on, in stock Resque."""
        return f"{self.namespace}:worker:{worker_id}"

    def worker_started(self, worker_id: str) -> str:
        """When a registered worker started."""
        return f"{self.namespace}:worker:{worker_id}:started"

    def worker_threads(self, worker_id: str) -> str:
        """The set of a registered worker's busy threads."""
        return f"{self.namespace}:worker:{worker_id}:threads"

    def worker_thread(self, worker_id: str, pid: int, thread: str | int) -> str:
        """What one thread of one worker process runs."""
        return f"{self.namespace}:worker:{worker_id}:{pid}:{thread}"

    def worker_kills(self, worker_id: str, pid: int) -> str:
        """The list through which web pages ask a worker process to kill a thread's job."""
        return f"{self.namespace}:worker:{worker_id}:{pid}:kills"

    @property
    def daemons(self) -> str:
        """The hash of each life of a daemon (`HOST/NAME:EPOCH`) to its heartbeat counter."""
        return f"{self.namespace}:resqd:daemons"

    @property
    def intervals(self) -> str:
        """The hash of each life of a daemon to the seconds between its heartbeats, and of its id in the registry."""
        return f"{self.namespace}:resqd:intervals"

    @property
    def classes(self) -> str:
        """The hash of each life of a daemon to which classes of jobs it knows, and its queues."""
        return f"{self.namespace}:resqd:classes"

    @property
    def classes_left(self) -> str:
        """The hash of each life in `classes` that has ended to when that was noticed, in seconds since 1970."""
        return f"{self.namespace}:resqd:classes:left"

    @property
    def lives(self) -> str:
        """The hash of a registered worker's id to the life of the daemon that it is."""
        return f"{self.namespace}:resqd:lives"

    def acts(self, life: str) -> str:
        """The list of what web pages ask of one life of a daemon."""
        return f"{self.namespace}:resqd:acts:{life}"

    @property
    def act_answers(self) -> str:
        """The list of what came of such acts, the newest first."""
        return f"{self.namespace}:resqd:answers"

    def index(self, daemon: str) -> str:
        """The hash of incarnation id to JSON facts, of one daemon."""
        return f"{self.namespace}:resqd:index:{daemon}"

    def inflight(self, daemon: str, incarnation: str) -> str:
        """The hash of jobs in flight of one incarnation."""
        return f"{self.namespace}:resqd:inflight:{daemon}:{incarnation}:all"

    @property
    def later(self) -> str:
        """The sorted set of tickets of jobs that are to run later, by microseconds since 1970 when they are due."""
        return f"{self.namespace}:resqd:later"

    @property
    def later_jobs(self) -> str:
        """The hash of ticket to the queue and payload of a job that is to run later."""
        return f"{self.namespace}:resqd:later:jobs"

    @property
    def later_attempts(self) -> str:
        """The hash of a job's id to what is kept of its last tries."""
        return f"{self.namespace}:resqd:later:attempts"

    @property
    def unique(self) -> str:
        """The hash of the locks of unique jobs: fingerprint to since when, in microseconds since 1970, and ticket."""
        return f"{self.namespace}:resqd:unique"

    @property
    def unique_windows(self) -> str:
        """The sorted set of fingerprints that must not come again, by the microsecond until which."""
        return f"{self.namespace}:resqd:unique:windows"

    @property
    def unique_sweep(self) -> str:
        """Who looks for locks without jobs at present."""
        return f"{self.namespace}:resqd:unique:sweep"

    @property
    def cron(self) -> str:
        """The hash of the timetable: an entry's name to its JSON."""
        return f"{self.namespace}:resqd:cron"

    @property
    def cron_next(self) -> str:
        """The sorted set of entries' names by the time, in seconds, when they are due next."""
        return f"{self.namespace}:resqd:cron:next"

    @property
    def cron_runs(self) -> str:
        """The hash of an entry's name to the last time that was due, and its latest runs."""
        return f"{self.namespace}:resqd:cron:runs"

    @property
    def cron_paused(self) -> str:
        """The hash of a paused entry's name to who paused it, and when."""
        return f"{self.namespace}:resqd:cron:paused"

    @property
    def cron_tables(self) -> str:
        """The hash of each life of a daemon to which entries its application declares."""
        return f"{self.namespace}:resqd:cron:tables"

    @property
    def cron_texts(self) -> str:
        """The hash of the digests in `cron_tables` to the entries."""
        return f"{self.namespace}:resqd:cron:texts"

    @property
    def cron_version(self) -> str:
        """What changes with the entries and the tables."""
        return f"{self.namespace}:resqd:cron:version"

    @property
    def batches(self) -> str:
        """The sorted set of batches' ids by the microsecond when they were made."""
        return f"{self.namespace}:resqd:batches"

    @property
    def batches_open(self) -> str:
        """The sorted set of ids of batches that are being filled, by the microsecond until when they may be."""
        return f"{self.namespace}:resqd:batches:open"

    def batch(self, batch_id: str) -> tuple[str, str, str, str]:
        """A batch's facts, the sets of its jobs that are pending and that have failed, and a workflow's nodes."""
        head = f"{self.namespace}:resqd:batch:{batch_id}"
        return head, f"{head}:pending", f"{head}:failed", f"{head}:nodes"

    @property
    def parked(self) -> str:
        """The hash of ticket to the gates and the entry of a job that waits since a limit is full."""
        return f"{self.namespace}:resqd:parked"

    @property
    def passes(self) -> str:
        """The hash of a payload's digest to when its job began to wait, and when it was given a pass."""
        return f"{self.namespace}:resqd:passes"

    @property
    def limits(self) -> str:
        """The hash of a limit's name to its definition, as the application declares it."""
        return f"{self.namespace}:resqd:limits"

    @property
    def limits_declared(self) -> str:
        """The hash of each life of a daemon to the limits that its application declares."""
        return f"{self.namespace}:resqd:limits:declared"

    @property
    def limits_set(self) -> str:
        """The hash of a limit's name to the number that people have set in place of the declared one."""
        return f"{self.namespace}:resqd:limits:set"

    @property
    def gates(self) -> str:
        """The set of gates at which jobs wait."""
        return f"{self.namespace}:resqd:gates"

    @property
    def gate_prefix(self) -> str:
        """What the names of a gate's own keys begin with: see store/gates/gates.lua."""
        return f"{self.namespace}:resqd:gate:"

    @property
    def history_merger(self) -> str:
        """The token of the daemon that merges rows of the history now."""
        return f"{self.namespace}:resqd:history:merger"

    @property
    def history_rows(self) -> str:
        """The hash of `MINUTE:AUTHOR` to what one daemon counted in that minute; empty once that is merged."""
        return f"{self.namespace}:resqd:history:rows"

    def history(self, span: int) -> str:
        """The hash of first second to what all counted in spans of so many seconds."""
        return f"{self.namespace}:resqd:history:{span}"

    @property
    def results_kept(self) -> str:
        """Is there once a job was enqueued whose end is kept."""
        return f"{self.namespace}:resqd:results"

    def result(self, job_id: str) -> str:
        """How a job ended, and what it returned, for as long as that is kept."""
        return f"{self.namespace}:resqd:result:{job_id}"

    def suspects(self, daemon: str) -> str:
        """The list of a daemon's jobs that wait to be run alone."""
        return f"{self.namespace}:resqd:suspects:{daemon}"


MOST = 1_000
LONGEST = 256


class Names(dict[bytes, str]):
    """`names[raw]` is the text, the same object for each job of a queue.

    A worker that is never recycled may meet new names for ever, so they are forgotten from time to time, and
    long ones at once.
    """

    def __missing__(self, raw: bytes) -> str:
        if len(self) >= MOST:
            self.clear()
        name = to_text(raw)
        if len(raw) <= LONGEST:
            self[raw] = name
        return name


_DIGITS = 18
"""The most digits of any number of ours; int() would raise for some thousands of them."""


def number(text: str | bytes) -> int | None:
    """The number in plain digits; None for anything else, such as the digits of other scripts."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if plain else None


def seconds(text: bytes) -> float:
    """A time that another daemon tells; 0 for what is none, or for ever."""
    try:
        told = float(text)
    except ValueError:
        return 0.0
    return told if 0 < told < float("inf") else 0.0


@dataclass(frozen=True, slots=True)
class WorkerId:
    """A registered worker's name, taken apart. Stock Resque's has no counts: they are None."""

    text: str
    host: str
    pid: int
    queues: tuple[str, ...]
    worker_count: int | None = None
    thread_count: int | None = None
    jobs_per_fork: int | None = None

    @classmethod
    def build(
        cls,
        *,
        host: str,
        pid: int,
        queues: Sequence[str],
        worker_count: int,
        thread_count: int,
        jobs_per_fork: int,
    ) -> WorkerId:
        """The id of a daemon. A ':' in a queue or host is written `~`; no queues are written `*`.

        Ruby's pruning and pages take the id apart at its colons and fail where a part is missing or empty.
        """
        safe = [part.replace(":", "~") for part in (host or "unknown", ",".join(queues) or "*")]
        text = f"{safe[0]}:{pid}:{safe[1]}:{worker_count}:{thread_count}:{jobs_per_fork}"
        return cls(text, host, pid, tuple(queues), worker_count, thread_count, jobs_per_fork)

    @classmethod
    def parse(cls, text: str) -> WorkerId:
        """The parts of an id, whoever wrote it; parts that it lacks are empty, 0 or None. Never raises."""
        parts = [*text.split(":"), "", "", ""]
        queues = tuple(queue for queue in parts[2].replace("~", ":").split(",") if queue)
        counts = [number(part) for part in [*parts[3:], "", "", ""]]
        return cls(text, parts[0], number(parts[1]) or 0, queues, counts[0], counts[1], counts[2])

    def __str__(self) -> str:
        return self.text
