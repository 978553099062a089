"""Answers resqctl: each command at once, or when the workers have answered."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from resqd import events
from resqd.clock import Clock
from resqd.errors import ResqdError
from resqd.master.child import Child
from resqd.master.commands import steering
from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet
from resqd.master.naming import named
from resqd.master.status import daemon_status
from resqd.master.timeouts import MARGIN, SIBLINGS_GRACE
from resqd.settings import Settings
from resqd.text import shown
from resqd.wire.intent import CALLS, Command, Intent
from resqd.wire.messages import Confirmed, DumpStacks, Kill, Killing, Stacks

STACKS_TIMEOUT = 2.0
"""Seconds that `stacks` waits for a worker; one in a long C call cannot answer."""
FIND_TIMEOUT = 1.0
"""Seconds that `kill` waits for a worker to say that it runs the job."""
MUTE = "no answer: its control thread does not get to run (a long call in C holds the GIL, or it is stopped)"
"""Stands for the stacks of a worker that cannot answer."""

_CONFIRMED = {
    Command.PAUSE: Intent.PAUSED,
    Command.RESUME: Intent.RUNNING,
    Command.DRAIN: Intent.DRAINING,
}


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


class Handlers:
    """Carries out resqctl's commands, but for `reload`, which the loop begins."""

    def __init__(self, *, settings: Settings, fleet: Fleet, clock: Clock) -> None:
        self._settings = settings
        self._fleet = fleet
        self._clock = clock
        self._stacks: dict[int, _StacksWait] = {}
        self._kills: list[_KillWait] = []
        self._numbers = 0
        self._confirmations = steering.Confirmations(fleet=fleet, clock=clock)

    def handle(self, request: Request) -> None:
        """Answer a request, now or later; what cannot be done is refused in one line."""
        if command := CALLS.get(request.command):
            self._steer(request, command)
            return
        handlers = {
            "ping": self._ping,
            "status": self._status,
            "scale": self._scale,
            "kill": self._kill,
            "stacks": self._dump,
        }
        handlers[request.command](request)

    def tick(self, now: float) -> None:
        """Take what workers have answered; then answer whoever has it all, or has waited long enough."""
        while self._fleet.answers:
            self._take(*self._fleet.answers.popleft())
        for number, wait in list(self._stacks.items()):
            if not wait.missing or now >= wait.until:
                self._finish_stacks(number)
        self._kills = [wait for wait in self._kills if not self._settled(wait, now)]
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

    # --- what workers answer

    def _take(self, child: Child, answer: Killing | Stacks | Confirmed) -> None:
        if isinstance(answer, Confirmed):
            self._confirmations.confirmed(child, answer)
        elif isinstance(answer, Killing):
            self._take_killing(child, answer)
        elif (wait := self._stacks.get(answer.request)) and wait.missing.pop(child.fork, None):
            wait.answers.append({"worker": child.index, "pid": child.pid, "text": answer.text})

    def _take_killing(self, child: Child, answer: Killing) -> None:
        for wait in self._kills:
            if wait.job_id == answer.job_id:
                wait.missing.discard(child.fork)
                if answer.token:
                    self._found(wait, child, answer.token)

    # --- commands that are answered at once

    def _ping(self, request: Request) -> None:
        request.reply({"ok": True, "pid": os.getpid()})

    def _status(self, request: Request) -> None:
        request.reply({"ok": True, "status": daemon_status(self._fleet, self._settings, self._clock())})

    def _scale(self, request: Request) -> None:
        delta = request.arguments.get("delta")
        target = self._fleet.worker_count + int(delta) if delta is not None else int(request.arguments["to"])
        try:
            steering.scale(self._fleet, target)
        except ResqdError as error:
            request.reply({"ok": False, "error": str(error)})
        else:
            request.reply({"ok": True, "workers": target})

    def _steer(self, request: Request, command: Command) -> None:
        """Carry out a command. One that is about jobs to come is answered when each worker has confirmed it."""
        steering.command(self._fleet, command, self._clock(), by=request.by)
        intent, reasons = self._fleet.intent, self._fleet.orders.pause_reasons()
        if command is Command.RESUME and intent is not Intent.RUNNING:
            why = f": {', '.join(reasons)}" if reasons else ""
            request.reply(
                {"ok": False, "error": f"the daemon is still {intent.value}{why}", "state": intent.value}
            )
        elif request.arguments.get("wait", 1) and intent is _CONFIRMED.get(command):
            self._confirmations.begin(request, intent)
        else:
            request.reply({"ok": True, "state": intent.value})

    # --- commands that wait for workers

    def _dump(self, request: Request) -> None:
        self._numbers += 1
        children = [child for child in self._fleet.working() if child.life.booted]
        wait = _StacksWait(request, self._clock() + STACKS_TIMEOUT, {child.fork: child for child in children})
        self._stacks[self._numbers] = wait
        for child in children:
            child.channel.send(DumpStacks(self._numbers))

    def _finish_stacks(self, number: int) -> None:
        wait = self._stacks.pop(number)
        missing = [{"worker": c.index, "pid": c.pid, "text": MUTE} for c in wait.missing.values()]
        wait.request.reply(
            {"ok": True, "stacks": sorted(wait.answers + missing, key=lambda each: each["worker"])}
        )

    def _kill(self, request: Request) -> None:
        now = self._clock()
        job_id = shown(str(request.arguments["job_id"]))
        children = self._fleet.working()
        latest = now + self._settings.kill_grace + MARGIN + SIBLINGS_GRACE + FIND_TIMEOUT
        wait = _KillWait(request, job_id, now + FIND_TIMEOUT, latest, {child.fork for child in children})
        for child in children:
            child.channel.send(Kill(job_id))
        self._kills.append(wait)
        self._find(wait, children, now)

    def _find(self, wait: _KillWait, children: Iterable[Child], now: float) -> None:
        """Look for the job on the workers' pages: its own may be unable to answer."""
        for child in children:
            for job in child.page.jobs():
                if wait.found is None and job.since and job.job_id == wait.job_id:
                    self._found(wait, child, job.token)
                    self._fleet.kills.order(child.fork, frozenset((job.token,)), now)

    def _found(self, wait: _KillWait, child: Child, token: int) -> None:
        if wait.found is None:
            jobs = [job for job in child.page.jobs() if job.token == token]
            job = named(jobs) or f"job {wait.job_id}"
            events.Master.job_killed(by=wait.request.by, job=job, child=child.label)
        wait.found = child, token

    def _settled(self, wait: _KillWait, now: float) -> bool:
        """Whether the client has its answer: the job is gone, was not found, or does not go."""
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
