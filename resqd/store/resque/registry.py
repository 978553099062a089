"""The Ruby fork's registry of workers: how a daemon shows itself to web pages, other hosts and Ruby workers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resqd.store.keys import Keys
from resqd.store.names import number, seconds, to_text
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall, ServerError, judge
from resqd.store.resque.failure_record import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from resqd.store.redis.connection import Reply
    from resqd.store.redis.link import Link

_HEARTBEAT: Final = Script.load("resque/heartbeat")
_TTL: Final = 60
REFRESH: Final = 20.0
"""Seconds after which entries that are still true are written again, so that they outlive their TTL."""
_MOST_KILLS: Final = 1_000

Command = tuple[Argument, ...]
Place = tuple[int, int]
"""A thread of the daemon: the pid of its worker process, and its number there."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """What one thread runs: `pid` of its worker process, its number there, and since when (seconds since 1970).

    `token` tells this job from others on the same thread; `payload` is a JSON object that pages can show, and so is
    `progress`, where the job has told any.
    """

    pid: int
    thread: int
    token: int
    queue: str
    run_at: float
    payload: bytes
    progress: bytes = b""


class Registry:
    """Writes one daemon's entries; `worker_id` stays as it was at the start, through reloads and scaling.

    `beats_every` and `registers_every` tell other hosts how long this daemon may be silent, in seconds. `heard` gets
    what web pages asked since the last heartbeat, and Redis's time in microseconds since 1970 (0: nothing).

    Every method may raise a StoreError, and may then be called again.
    """

    def __init__(
        self,
        *,
        link: Link,
        keys: Keys,
        life: str,
        worker_id: str,
        beats_every: float = 0.0,
        registers_every: float = 0.0,
        heard: Callable[[Sequence[bytes], int], object] = lambda _acts, _now: None,
    ) -> None:
        self._link = link
        self._keys = keys
        self._life = life
        self._id = worker_id
        self._beat_keys = PackedKeys.of(
            keys.daemons,
            keys.heartbeats,
            keys.workers,
            own_workers(keys),
            keys.worker_started(worker_id),
            keys.intervals,
            keys.lives,
            keys.acts(life),
        )
        self._heard = heard
        self._paces = (f"{beats_every:g}", f"{registers_every:g}")
        self._shown: dict[Place, RunningJob | None] | None = (
            None  # a job of None: it may be there, or an older one
        )

    def heartbeat(self, *, register: bool = True) -> bool:
        """Count the heartbeat of this life up and note the time, by Redis's clock; whether the registry knew us.

        Where it did not, since Ruby workers may prune us, or with `register`, everything is entered again.
        """
        arguments = (self._life, self._id, "1" if register else "", *self._paces)
        _, known, acts, now = self._link.run_script(ScriptCall(_HEARTBEAT, self._beat_keys, arguments))
        self._heard(acts, now)
        return bool(known)

    def publish(self, running: Sequence[RunningJob], *, refresh: bool = False) -> None:
        """Show what each thread runs, and nothing else; entries that are not shown again go after a minute.

        Nothing is sent when nothing changed, unless `refresh`.
        """
        now = {(job.pid, job.thread): job for job in running}
        shown = self._shown = self._left_behind() if self._shown is None else self._shown
        gone = [place for place in shown if place not in now]
        fresh = [place for place, job in now.items() if refresh or shown.get(place) != job]
        if not gone and not fresh:
            return
        stale = self._stale_kills({pid for pid, _ in shown}, {pid for pid, _ in now})
        shown.update(dict.fromkeys(fresh))
        self._send(self._hidden(gone) + stale + self._showing([now[place] for place in fresh]))
        self._shown = dict(now)

    def asked_to_kill(self) -> list[Place]:
        """The threads that a page asked to kill since the last call, of the processes that are shown."""
        pids = sorted({pid for pid, _ in self._shown or ()})
        if not pids or not self._link.call("EXISTS", *(self._kills(pid) for pid in pids)):
            return []
        replies = self._send([("LPOP", self._kills(pid), _MOST_KILLS) for pid in pids])
        return [
            (pid, thread)
            for pid, threads in zip(pids, replies, strict=True)
            for text in threads or ()
            if (thread := number(text)) is not None
        ]

    def unregister(self) -> None:
        """Take every entry of this daemon away."""
        shown = self._left_behind() if self._shown is None else self._shown
        kills = [self._kills(pid) for pid in {pid for pid, _ in shown}]
        self._send(self._hidden(list(shown)) + removal(self._keys, self._id, kills))
        self._shown = {}

    def beats(self) -> dict[str, str | None]:
        """The time of the last heartbeat of every daemon of resqd's on any host, as it stands there."""
        ids: list[bytes] = sorted(self._link.call("SMEMBERS", own_workers(self._keys)))
        if not ids:
            return {}
        times: list[bytes | None] = self._link.call("HMGET", self._keys.heartbeats, *ids)
        return {
            to_text(id_): None if beat is None else to_text(beat)
            for id_, beat in zip(ids, times, strict=True)
        }

    def intervals(self, ids: Sequence[str]) -> dict[str, float]:
        """The most seconds between two changes of these daemons' times; 0 where it is not told."""
        told: list[bytes | None] = self._link.call("HMGET", self._keys.intervals, *ids) if ids else []
        return {id_: seconds(text or b"") for id_, text in zip(ids, told, strict=True)}

    def forget(self, worker_id: str) -> None:
        """Take away the entries of another daemon of resqd's, which is dead."""
        members: list[bytes] = self._link.call("SMEMBERS", self._keys.worker_threads(worker_id))
        self._send(removal(self._keys, worker_id, thread_keys(self._keys, worker_id, members)))

    # The entries of threads. A page reads the set first and then each key, so a key is there before its member.

    def _showing(self, jobs: Sequence[RunningJob]) -> list[Command]:
        if not jobs:
            return []
        threads = self._keys.worker_threads(self._id)
        return [
            *(("SET", self._key((job.pid, job.thread)), shown(job), "EX", _TTL) for job in jobs),
            ("SADD", threads, *(self._member((job.pid, job.thread)) for job in jobs)),
            ("EXPIRE", threads, _TTL),
        ]

    def _hidden(self, places: Sequence[Place]) -> list[Command]:
        if not places:
            return []
        return [
            ("SREM", self._keys.worker_threads(self._id), *map(self._member, places)),
            ("DEL", *map(self._key, places)),
        ]

    def _left_behind(self) -> dict[Place, RunningJob | None]:
        """What a housekeeper before this one has shown."""
        members: list[bytes] = self._link.call("SMEMBERS", self._keys.worker_threads(self._id))
        return {place: None for member in members if (place := _place(member)) is not None}

    def _stale_kills(self, before: set[int], after: set[int]) -> list[Command]:
        """Wishes to kill that came while a process showed no job were meant for a job that has ended."""
        stale = [self._kills(pid) for pid in before ^ after]
        return [("DEL", *stale)] if stale else []

    def _send(self, commands: Sequence[Command]) -> list[Reply]:
        replies = self._link.pipeline(commands) if commands else []
        for reply in replies:
            if isinstance(reply, ServerError):
                raise judge(reply)
        return replies

    def _member(self, place: Place) -> str:
        return f"{self._id}:{place[0]}:{place[1]}"

    def _key(self, place: Place) -> str:
        return self._keys.worker_thread(self._id, *place)

    def _kills(self, pid: int) -> str:
        return self._keys.worker_kills(self._id, pid)


def _place(member: bytes) -> Place | None:
    """The thread that a member of the set of busy ones names; None where it names none."""
    *_, pid, thread = (number(part) for part in (b"", b"", *member.rsplit(b":", 2)))
    return None if pid is None or thread is None else (pid, thread)


def own_workers(keys: Keys) -> str:
    """The set of the workers in `workers` that are resqd's, and so may be pruned by it."""
    return f"{keys.namespace}:resqd:workers"


def removal(keys: Keys, worker_id: str, others: Iterable[str] = ()) -> list[Command]:
    """The commands that take one worker off the registry: its start, threads, counters, and these other keys."""
    names = (
        keys.worker_started(worker_id),
        keys.worker_threads(worker_id),
        keys.stat(f"processed:{worker_id}"),
        keys.stat(f"failed:{worker_id}"),
    )
    return [
        ("DEL", *names, *others),
        ("SREM", keys.workers, worker_id),
        ("SREM", own_workers(keys), worker_id),
        ("HDEL", keys.heartbeats, worker_id),
        ("HDEL", keys.intervals, worker_id),
        ("HDEL", keys.lives, worker_id),
    ]


def thread_keys(keys: Keys, worker_id: str, members: Iterable[bytes]) -> list[str]:
    """The keys of what threads run, for the members of a worker's set of busy threads."""
    prefix = f"{worker_id}:"
    return [
        f"{keys.worker(worker_id)}:{to_text(member).removeprefix(prefix)}"
        for member in members
        if to_text(member).startswith(prefix)
    ]


def shown(job: RunningJob) -> bytes:
    """A running job as Resque's pages read it: queue, run_at (ISO 8601, UTC), payload (an object)."""
    run_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(job.run_at))
    return (
        f'{{"queue":{json.dumps(clean(job.queue))},"run_at":"{run_at}","payload":'.encode()
        + job.payload
        + (b',"progress":' + job.progress if job.progress else b"")
        + b"}"
    )
