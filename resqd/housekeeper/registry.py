"""The daemon as web pages see it: heartbeat, what runs, wishes to kill; and dead daemons struck off."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, replace

from resqd import events
from resqd.clock import Clock
from resqd.housekeeper.recovery import Stillness
from resqd.store.resque.encoding import dump
from resqd.store.resque.failure_record import clean
from resqd.store.resque.registry import REFRESH, Place, Registry, RunningJob
from resqd.wire.messages import Busy, KillThread, Message, Running

PUBLISH_EVERY = 1.0
"""Seconds between two looks at what changed; nothing is sent to Redis when nothing did."""
REGISTER_MOST = 10.0
"""Seconds after which everything is registered again, the heartbeat's time too, which others' pruning reads."""


def register_every(patience: float) -> float:
    """Seconds after which a daemon registers again where others allow so many seconds of silence."""
    return min(REGISTER_MOST, patience / 3)


class Publisher:
    """`take` is called by the control thread, all else by the keeper's; only the deque lies between them.

    `patience` is how many seconds of silence others allow before they prune a daemon of resqd's. Without `may_kill`
    no page's wish to kill is obeyed.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        say: Callable[[Message], None],
        patience: float,
        clock: Clock,
        may_kill: bool = True,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._say = say
        self._may_kill = may_kill
        self._clock = clock
        self._wall = wall
        self._register_every = register_every(patience)
        self._news: deque[Busy] = deque()
        self._jobs: dict[Place, RunningJob] = {}
        self._shown: dict[Place, RunningJob] = {}
        self._register_at = self._refresh_at = clock()
        self._registered = False

    def take(self, busy: Busy) -> None:
        """Note what a worker process runs now."""
        self._news.append(busy)

    def beat(self) -> None:
        """One heartbeat. Where Ruby workers took us off the registry, what was shown is written again too."""
        now = self._clock()
        known = self._registry.heartbeat(register=now >= self._register_at)
        if self._registered and not known:
            events.Housekeeper.registered_again()
            self._refresh_at = now
        self._registered = True
        if now >= self._register_at:
            self._register_at = now + self._register_every

    def publish(self) -> None:
        """Pass on what pages ask to kill, judged by what they were shown; then show what runs now."""
        for place in self._registry.asked_to_kill():
            if not self._may_kill:
                events.Housekeeper.act_refused(act="kill", by="a web page", why="RESQD_REMOTE=off")
            elif job := self._shown.get(place):
                self._say(KillThread(job.pid, job.thread, job.token))
        self._fold()
        now = self._clock()
        refresh = now >= self._refresh_at
        jobs = dict(self._jobs)
        self._registry.publish(list(jobs.values()), refresh=refresh)
        self._shown = jobs
        if refresh:
            self._refresh_at = now + REFRESH

    def _fold(self) -> None:
        while self._news:
            busy = self._news.popleft()
            known = {place: job for place, job in self._jobs.items() if place[0] == busy.pid}
            self._jobs = {place: job for place, job in self._jobs.items() if place not in known}
            for running in busy.running:
                place = (busy.pid, running.thread)
                self._jobs[place] = self._newer(known.get(place), self._job(busy.pid, running), running)

    def _job(self, pid: int, running: Running) -> RunningJob:
        began = self._wall() - (self._clock() - running.since)
        payload = running.payload or outline(running)
        return RunningJob(
            pid, running.thread, running.token, running.queue, began, payload, _progress(running)
        )

    @staticmethod
    def _newer(before: RunningJob | None, job: RunningJob, running: Running) -> RunningJob:
        """The same job is shown as before; with its payload, once that is known, and how far it is."""
        if before is None or before.token != job.token:
            return job
        return replace(before, payload=running.payload or before.payload, progress=job.progress)


def _progress(running: Running) -> bytes:
    """How far a job says that it is, as pages read it; empty where it says nothing."""
    return b"".join(dump(asdict(told)) for told in running.progress)


def outline(running: Running) -> bytes:
    """What pages show of a job whose payload its worker has not told: one that lets nobody else there speak."""
    shown = {"class": clean(running.job_class), "args": ["…"]}
    return dump({**shown, "id": clean(running.job_id)} if running.job_id else shown)


class Pruner:
    """Strikes off who did not beat between this pruner's own looks, for `patience` seconds of them."""

    def __init__(self, *, registry: Registry, worker_id: str, patience: float, clock: Clock) -> None:
        self._registry = registry
        self._worker_id = worker_id
        self._stillness = Stillness(still_for=patience, gap=2 * patience)
        self._clock = clock

    def look(self) -> None:
        """Look at all daemons' heartbeats; may raise a StoreError."""
        beats = self._registry.beats()
        now = self._clock()
        silent = self._stillness.poll(
            {each: beat for each, beat in beats.items() if each != self._worker_id}, now
        )
        for each in self._stillness.confirm(silent, self._registry.intervals(silent), now):
            events.Housekeeper.entries_removed(worker=each)
            self._registry.forget(each)
