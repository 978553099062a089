"""Answers resqctl: each command at once, or when the workers have answered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from resqd import __version__
from resqd.clock import Clock
from resqd.errors import ResqdError
from resqd.master.child import Child
from resqd.master.commands.confirmations import Confirmations
from resqd.master.commands.steering import Helm
from resqd.master.inbox import Inbox
from resqd.master.ledger import Ledger
from resqd.master.plan import Fleet
from resqd.master.reload import Reload
from resqd.master.status import empty_place, housekeeper_status, worker_status
from resqd.master.timeouts import MARGIN, SIBLINGS_GRACE
from resqd.settings import Settings
from resqd.text import shown
from resqd.wire.birth import Kind
from resqd.wire.intent import Command, Intent
from resqd.wire.messages import Confirmed, DumpStacks, Kill, Killing, Stacks

STACKS_TIMEOUT = 2.0
"""Seconds that `stacks` waits for a worker; one in a long C call cannot answer."""
FIND_TIMEOUT = 1.0
"""Seconds that `kill` waits for a worker to say that it runs the job."""

_CONFIRMED = {
    Command.PAUSE: Intent.PAUSED,
    Command.RESUME: Intent.RUNNING,
    Command.DRAIN: Intent.DRAINING,
}


class Request(Protocol):
    """A client's call, to be answered now or later."""

    @property
    def command(self) -> str:
        """What is asked."""

    @property
    def arguments(self) -> dict[str, Any]:
        """With what."""

    def reply(self, reply: Mapping[str, Any]) -> None:
        """Answer; a client that has gone is no error."""


@dataclass(slots=True)
class _StacksWait:
    request: Request
    until: float
    missing: dict[int, Child]
    answers: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _KillWait:
    request: Request
    job_id: str
    find_by: float
    until: float
    missing: set[int]
    found: tuple[Child, int] | None = None


class Desk:
    """Carries out resqctl's commands. `inbox` and `reload` are wired after it, since they answer through it."""

    def __init__(
        self,
        *,
        settings: Settings,
        fleet: Fleet,
        ledger: Ledger,
        helm: Helm,
        last_exits: dict[int, str],
        started: float,
        clock: Clock,
    ) -> None:
        self.inbox: Inbox | None = None
        self.reload: Reload | None = None
        self.started = started
        self._settings = settings
        self._fleet = fleet
        self._ledger = ledger
        self._helm = helm
        self._last_exits = last_exits
        self._clock = clock
        self._stacks: dict[int, _StacksWait] = {}
        self._kills: list[_KillWait] = []
        self._numbers = 0
        self._confirmations = Confirmations(fleet=fleet, clock=clock)

    def handle(self, request: Request) -> None:
        """Answer a request; every error becomes a refusal in one line."""
        simple = {
            "pause": Command.PAUSE,
            "resume": Command.RESUME,
            "drain": Command.DRAIN,
            "stop": Command.STOP,
            "kill-jobs": Command.KILL_JOBS,
        }
        if command := simple.get(request.command):
            self._steer(request, command)
            return
        handlers: dict[str, Callable[[Request], None]] = {
            "ping": lambda asked: asked.reply({"ok": True, "pid": os.getpid()}),
            "status": lambda asked: asked.reply({"ok": True, "status": self.status()}),
            "scale": self._scale,
            "kill": self._kill,
            "stacks": self._dump,
            "reload": self._reload,
        }
        handlers[request.command](request)

    def tick(self, now: float) -> None:
        """Answer whoever has waited long enough, and kills that are done."""
        for number, wait in list(self._stacks.items()):
            if now >= wait.until:
                self._finish_stacks(number)
        self._kills = [wait for wait in self._kills if not self._answered(wait, now)]
        self._confirmations.tick(now)

    def next_at(self) -> float | None:
        """When `tick` has something to do. A job that is being killed is looked at ten times a second."""
        moments = [wait.until for wait in self._stacks.values()] + [self._clock() + 0.1 for _ in self._kills]
        confirmations = self._confirmations.next_at()
        return min(moments if confirmations is None else [*moments, confirmations], default=None)

    @property
    def busy(self) -> bool:
        """Whether a client waits for the workers."""
        return bool(self._stacks or self._kills or self._confirmations.pending)

    def killing(self, child: Child, answer: Killing) -> None:
        """A worker's answer to a Kill with a job id."""
        for wait in self._kills:
            if wait.job_id == answer.job_id:
                wait.missing.discard(child.fork)
                if answer.token:
                    wait.found = child, answer.token

    def confirmed(self, child: Child, answer: Confirmed) -> None:
        """A worker's word that what it was told has taken effect."""
        self._confirmations.confirmed(child, answer)

    def stacks(self, child: Child, answer: Stacks) -> None:
        """A worker's stacks."""
        wait = self._stacks.get(answer.request)
        if wait is None or wait.missing.pop(child.fork, None) is None:
            return
        wait.answers.append({"worker": child.index, "pid": child.pid, "text": answer.text})
        if not wait.missing:
            self._finish_stacks(answer.request)

    def status(self) -> dict[str, Any]:
        """The whole state, as `status --json` prints it."""
        now = self._clock()
        housekeeper = next((child for child in self._fleet.children if child.kind is Kind.HOUSEKEEPER), None)
        inbox = self.inbox
        return {
            "name": self._settings.name,
            "version": __version__,
            "state": self._fleet.intent.value,
            "pause_reasons": self._helm.pause_reasons(),
            "pid": os.getpid(),
            "uptime_s": round(now - self.started, 3),
            "settings": self._settings.public() | {"worker_count": self._fleet.worker_count},
            "totals": {
                "processed": self._ledger.processed,
                "failed": self._ledger.failed,
                "per_second": round(self._ledger.per_second(now), 1),
            },
            "workers": sorted(
                [*(self._worker(child, now) for child in self._working()), *self._empty_places(now)],
                key=lambda worker: (worker["kind"] != Kind.WORKER.value, worker["index"]),
            ),
            "housekeeper": housekeeper_status(
                housekeeper,
                redis=inbox.redis if inbox else "",
                since=inbox.redis_since if inbox else now,
                now=now,
            ),
            "suspects": self._fleet.suspects,
        }

    def _working(self) -> list[Child]:
        return sorted(
            (child for child in self._fleet.children if child.working), key=lambda child: child.fork
        )

    def _empty_places(self, now: float) -> Iterator[dict[str, Any]]:
        """Places whose worker could not be forked, or died at boot and is not tried again yet."""
        for (kind, index), at in self._fleet.ready_at.items():
            wanted = kind is Kind.WORKER and index < self._fleet.worker_count and not self._fleet.leaving
            if wanted and not self._fleet.workers(index):
                yield empty_place(
                    index,
                    jobs_per_fork=self._settings.jobs_per_fork,
                    last_exit=self._last_exits.get(index),
                    retry_in=max(0.0, at - now),
                )

    def _worker(self, child: Child, now: float) -> dict[str, Any]:
        last_exit = self._last_exits.get(child.index) if child.kind is Kind.WORKER else None
        return worker_status(child, jobs_per_fork=self._settings.jobs_per_fork, last_exit=last_exit, now=now)

    def _steer(self, request: Request, command: Command) -> None:
        """Carry out a command. One that is about jobs to come is answered when each worker has confirmed it."""
        self._helm.command(command)
        intent = self._fleet.intent
        if command is Command.RESUME and intent is not Intent.RUNNING:
            why = f": {', '.join(self._helm.pause_reasons())}" if self._helm.pause_reasons() else ""
            request.reply(
                {"ok": False, "error": f"the daemon is still {intent.value}{why}", "state": intent.value}
            )
        elif request.arguments.get("wait", 1) and intent is _CONFIRMED.get(command):
            self._confirmations.begin(request, intent)
        else:
            request.reply({"ok": True, "state": intent.value})

    def _scale(self, request: Request) -> None:
        delta = request.arguments.get("delta")
        target = self._fleet.worker_count + delta if delta is not None else request.arguments["to"]
        try:
            self._helm.scale(target)
        except ResqdError as error:
            request.reply({"ok": False, "error": str(error)})
        else:
            request.reply({"ok": True, "workers": target})

    def _reload(self, request: Request) -> None:
        if self.reload is not None:
            self.reload.begin(request)

    def _dump(self, request: Request) -> None:
        self._numbers += 1
        children = [child for child in self._fleet.children if child.working and child.booted]
        wait = _StacksWait(request, self._clock() + STACKS_TIMEOUT, {child.fork: child for child in children})
        self._stacks[self._numbers] = wait
        for child in children:
            child.channel.send(DumpStacks(self._numbers))
        if not children:
            self._finish_stacks(self._numbers)

    def _finish_stacks(self, number: int) -> None:
        wait = self._stacks.pop(number)
        silent = "no answer: its control thread does not get to run (a long call in C holds the GIL, or it is stopped)"
        missing = [{"worker": c.index, "pid": c.pid, "text": silent} for c in wait.missing.values()]
        wait.request.reply(
            {"ok": True, "stacks": sorted(wait.answers + missing, key=lambda each: each["worker"])}
        )

    def _kill(self, request: Request) -> None:
        now = self._clock()
        job_id = shown(request.arguments["job_id"])
        children = [child for child in self._fleet.children if child.working]
        latest = now + self._settings.kill_grace + MARGIN + SIBLINGS_GRACE + FIND_TIMEOUT
        wait = _KillWait(request, job_id, now + FIND_TIMEOUT, latest, {child.fork for child in children})
        for child in children:
            child.channel.send(Kill(job_id))
        self._kills.append(wait)
        self._find(wait, children)

    def _find(self, wait: _KillWait, children: Iterable[Child]) -> None:
        """Look for the job on the workers' pages: its own may be unable to answer."""
        for child in children:
            for job in child.page.jobs():
                if wait.found is None and job.since and job.job_id == wait.job_id:
                    wait.found = child, job.token
                    self._helm.order(child, job.token)

    def _answered(self, wait: _KillWait, now: float) -> bool:
        if wait.found is None:
            if wait.missing and now < wait.find_by:
                return False
            wait.request.reply({"ok": False, "error": f"no worker runs job {wait.job_id}"})
            return True
        child, token = wait.found
        if child in self._fleet.children and token in child.page.running():
            if now < wait.until:
                return False
            wait.request.reply({"ok": False, "error": f"job {wait.job_id} is still running"})
            return True
        wait.request.reply({"ok": True, "job_id": wait.job_id})
        return True
