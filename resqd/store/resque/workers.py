"""The registered workers of all hosts, Ruby's included, as pages and scripts see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from resqd.errors import PayloadError
from resqd.store.names import WorkerId, number, seconds, to_bytes, to_text
from resqd.store.redis.client import store_errors
from resqd.store.resque import payload as payloads
from resqd.store.resque.registry import own_workers, removal, thread_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from resqd.store.keys import Keys

_KILL_TTL = 300
_REMEMBERED: Final = 1_024
"""The most bytes of what a thread says, for its meaning to be remembered."""


@dataclass(frozen=True, slots=True)
class WorkerThreadStatus:
    """One thread that runs a job: of which worker, in which of its processes, what, and since when.

    `progress` is how far the job says that it is: done, total (0: not known) and note.
    """

    worker: WorkerStatus
    pid: int
    thread: str
    queue: str
    run_at: str
    payload: dict[str, Any]
    progress: tuple[float, float, str] | None = None

    @store_errors
    def kill(self) -> None:
        """Ask the worker to kill this thread's job, through the fork's list; it looks every few seconds."""
        self.worker.manager.ask_to_kill(self)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One registered worker (of resqd and the fork: one daemon); times are texts as they stand in Redis."""

    manager: WorkerManager
    id: WorkerId
    started: str | None
    heartbeat: str | None
    ours: bool
    registers_every: float = 0.0
    """Seconds after which the heartbeat's time is written anew; 0 where it is not told, as by Ruby."""

    def silent_for(self, now: float) -> float:
        """Seconds of Redis's clock since the last heartbeat; endless where there is none that can be read."""
        return _age(self, now)

    @store_errors
    def threads_working(self) -> list[WorkerThreadStatus]:
        """The threads that run a job now."""
        return self.manager.threads_of(self)

    def jobs_running(self) -> list[tuple[WorkerThreadStatus, dict[str, Any]]]:
        """Each busy thread with the payload that it runs."""
        return [(thread, thread.payload) for thread in self.threads_working()]


class WorkerManager:
    """Finds workers; prunes those of resqd's own that are dead, never a Ruby worker's entry."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @store_errors
    def all(self) -> list[WorkerStatus]:
        """Every registered worker, sorted by id."""
        ids = sorted(cast("set[bytes]", self._client.smembers(self._keys.workers)))
        ours = cast("set[bytes]", self._client.smembers(own_workers(self._keys)))
        beats = cast("dict[bytes, bytes]", self._client.hgetall(self._keys.heartbeats))
        told = cast("dict[bytes, bytes]", self._client.hgetall(self._keys.intervals))
        starts = [to_bytes(self._keys.worker_started(to_text(id_))) for id_ in ids]
        started = cast("list[bytes | None]", self._client.mget(starts)) if starts else []
        return [
            WorkerStatus(
                manager=self,
                id=WorkerId.parse(to_text(id_)),
                started=_text(start),
                heartbeat=_text(beats.get(id_)),
                ours=id_ in ours,
                registers_every=seconds(told.get(id_, b"")),
            )
            for id_, start in zip(ids, started, strict=True)
        ]

    def find(self, worker_id: str) -> WorkerStatus | None:
        """The worker of that id, or None."""
        return next((worker for worker in self.all() if worker.id.text == worker_id), None)

    def working(self) -> list[WorkerStatus]:
        """The workers that run at least one job now."""
        return [worker for worker in self.all() if worker.threads_working()]

    def threads_working(self) -> list[WorkerThreadStatus]:
        """Every thread of every worker that runs a job now."""
        return self.threads_of_all(self.all())

    @store_errors
    def threads_of_all(self, workers: Sequence[WorkerStatus]) -> list[WorkerThreadStatus]:
        """The busy threads of these workers, in two round trips however many they are."""
        known = {worker.id.text: worker for worker in workers}
        stock = [worker for worker in workers if worker.id.worker_count is None]
        sets = [to_bytes(self._keys.worker_threads(name)) for name in known]
        union = cast("set[bytes]", self._client.sunion(sets)) if sets else set()
        members = sorted((to_text(member) for member in union), key=_place)
        places = [(known.get(_owner(each)), _place(each)) for each in members]
        keys = [to_bytes(self._keys.worker(each)) for each in members]
        places += [(worker, (worker.id.pid, "0")) for worker in stock]
        keys += [to_bytes(self._keys.worker(worker.id.text)) for worker in stock]
        values = cast("list[bytes | None]", self._client.mget(keys)) if keys else []
        found = [
            _thread(worker, place, value)
            for (worker, place), value in zip(places, values, strict=True)
            if worker is not None and value
        ]
        order = {name: number for number, name in enumerate(known)}
        threads = [thread for thread in found if thread is not None]
        return sorted(threads, key=lambda thread: order[thread.worker.id.text])

    @store_errors
    def now(self) -> float:
        """Redis's time, in seconds since 1970: the clock of all heartbeats."""
        whole, micro = self._client.time()
        return whole + micro / 1_000_000

    @store_errors
    def prune(self, older_than: float) -> list[str]:
        """Take away resqd's own workers that did not beat for `older_than` seconds of Redis's clock; their ids.

        Jobs are not touched: recovery has its own, stricter rule.
        """
        now = self._client.time()[0]
        dead = [worker.id.text for worker in self.all() if worker.ours and _age(worker, now) > older_than]
        for worker_id in dead:
            self._forget(worker_id)
        return dead

    def threads_of(self, worker: WorkerStatus) -> list[WorkerThreadStatus]:
        """The busy threads of one worker."""
        worker_id = worker.id.text
        members = cast("set[bytes]", self._client.smembers(to_bytes(self._keys.worker_threads(worker_id))))
        places = sorted(_place(to_text(member)) for member in members)
        keys = [self._keys.worker_thread(worker_id, pid, thread) for pid, thread in places]
        if worker.id.worker_count is None:  # stock Resque: one job to a worker, under the worker's own key
            places, keys = [(worker.id.pid, "0")], [self._keys.worker(worker_id)]
        if not keys:
            return []
        values = cast("list[bytes | None]", self._client.mget([to_bytes(key) for key in keys]))
        found = [_thread(worker, place, value) for place, value in zip(places, values, strict=True) if value]
        return [thread for thread in found if thread is not None]

    def ask_to_kill(self, thread: WorkerThreadStatus) -> None:
        """Append to the list of kills that a worker process reads."""
        key = to_bytes(self._keys.worker_kills(thread.worker.id.text, thread.pid))
        with self._client.pipeline(transaction=True) as pipe:
            pipe.rpush(key, thread.thread)
            pipe.expire(key, _KILL_TTL)
            pipe.execute()

    def _forget(self, worker_id: str) -> None:
        members = cast("set[bytes]", self._client.smembers(to_bytes(self._keys.worker_threads(worker_id))))
        with self._client.pipeline(transaction=True) as pipe:
            for command in removal(self._keys, worker_id, thread_keys(self._keys, worker_id, members)):
                pipe.execute_command(*(to_bytes(str(part)) for part in command))
            pipe.execute()


def _owner(member: str) -> str:
    """The worker whose thread a member of a set of busy threads names."""
    return member.rsplit(":", 2)[0]


@lru_cache(maxsize=8_192)
def _place(member: str) -> tuple[int, str]:
    parts = member.rsplit(":", 2)
    return (number(parts[-2]) or 0, parts[-1]) if len(parts) == 3 else (0, parts[-1])


def _thread(worker: WorkerStatus, place: tuple[int, str], value: bytes) -> WorkerThreadStatus | None:
    told = _told(value) if len(value) <= _REMEMBERED else _read(value)
    if told is None:
        return None
    queue, run_at, payload, progress = told
    return WorkerThreadStatus(worker, place[0], place[1], queue, run_at, dict(payload), progress)


def _read(value: bytes) -> tuple[str, str, dict[str, Any], tuple[float, float, str] | None] | None:
    try:
        data = payloads.load(value)
    except PayloadError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("payload"), dict):
        return None
    queue, run_at = str(data.get("queue", "")), str(data.get("run_at", ""))
    return queue, run_at, data["payload"], _progress(data.get("progress"))


_told: Final = lru_cache(maxsize=4_096)(_read)
"""A page looks every two seconds at thousands of threads, most of which still run what they ran."""


def _progress(told: object) -> tuple[float, float, str] | None:
    """What stands there of a job's progress; None where that is none of ours."""
    if not isinstance(told, dict):
        return None
    done, total, note = told.get("done"), told.get("total"), told.get("note")
    if isinstance(done, int | float) and isinstance(total, int | float) and isinstance(note, str):
        return float(done), float(total), note
    return None


def _age(worker: WorkerStatus, now: float) -> float:
    """Seconds since the last heartbeat; endless where there is none that can be read."""
    try:
        beat = datetime.fromisoformat(worker.heartbeat or "")
    except ValueError:
        return float("inf")
    return now - (beat if beat.tzinfo else beat.replace(tzinfo=UTC)).timestamp()


def _text(value: object) -> str | None:
    return to_text(value) if isinstance(value, bytes) else None
