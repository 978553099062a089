"""What children say, folded into the fleet; and what of it the housekeeper is told, for web pages and statsd."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from resqd import events
from resqd.clock import Clock
from resqd.master.child import Child
from resqd.master.commands import remote
from resqd.master.commands.server import Request
from resqd.master.fleet import Fleet, Suspects
from resqd.master.naming import named
from resqd.master.timeouts import leave_by
from resqd.wire import messages
from resqd.wire.birth import Kind
from resqd.wire.intent import Intent
from resqd.wire.messages import Busy, Farewell, Kill, Message, Running
from resqd.wire.tallies import Tallies

RELAY_EVERY = 1.0
"""Seconds between two reports of what a worker runs that are passed on to the housekeeper."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """What the housekeeper was told last of a worker."""

    running: tuple[Running, ...] = ()
    at: float = 0.0
    missing: int = 0
    """Threads that there should be and were not."""
    replaced: int = 0
    """Threads that had ended out of turn, in all."""


NOTHING = Relayed()


class Relay:
    """Passes on what workers run and count; what nobody could take is kept, so that no count is lost."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._tallies = Tallies()
        self._relayed: dict[int, Relayed] = {}

    def report(self, child: Child, stats: messages.Stats, now: float) -> None:
        """Pass on a report: metrics always, also those that nobody could take; running jobs at times, when changed."""
        before = self._relayed.get(child.fork, NOTHING)
        report = Relayed(stats.running, now, stats.missing, stats.replaced)
        self._tallies.add(stats.metrics)
        if not self._tallies.empty or (
            replace(report, at=before.at) != before and now - before.at >= RELAY_EVERY
        ):
            self._pass_on(child, report)

    def welcome(self, housekeeper: Child) -> None:
        """A housekeeper is up: tell it what was counted while there was none. It runs no job itself."""
        if not self._tallies.empty:
            self._pass_on(housekeeper, NOTHING)

    def look(self, now: float) -> None:
        """Pass on what the pages show of workers that have not spoken for a while: a job may keep them from it."""
        for child in self._fleet.working():
            if now - child.account.stats_at < RELAY_EVERY or not any(child.page.cells):
                continue
            before, running = self._relayed.get(child.fork, NOTHING), child.running()
            if {job.token for job in running} != {job.token for job in before.running}:
                self._pass_on(child, Relayed(running, now, before.missing, before.replaced))

    def buried(self, child: Child, now: float) -> None:
        """A child is dead: nothing that it ran is to be shown any more. A new housekeeper is told everything."""
        before = self._relayed.get(child.fork, NOTHING)
        if child.working and (before.running or before.missing):
            self._pass_on(child, Relayed((), now, 0, before.replaced))
        self._relayed.pop(child.fork, None)
        if not child.working:
            for fork, told in self._relayed.items():
                self._relayed[fork] = Relayed(at=told.at, replaced=told.replaced)

    def _pass_on(self, child: Child, news: Relayed) -> None:
        """Tell the housekeeper, with all counts that it has not been told; it may be dead, or not take more now."""
        fresh = news.replaced - self._relayed.get(child.fork, NOTHING).replaced
        busy = Busy(child.pid, news.running, self._tallies.take(), news.missing, fresh)
        if any(each.channel.send(busy) for each in self._fleet.children if each.serving):
            self._relayed[child.fork] = news
        else:
            self._tallies.add(busy.metrics)


class Inbox:
    """One `_on_<message>` method for each kind of message."""

    def __init__(self, *, fleet: Fleet, clock: Clock) -> None:
        self._fleet = fleet
        self._relay = Relay(fleet)
        self._clock = clock
        self._asked: deque[Request] = deque()
        self._handlers: dict[type[Message], Callable[..., None]] = {
            messages.Booted: self._on_booted,
            messages.Pong: self._on_pong,
            messages.Stats: self._on_stats,
            messages.State: self._on_state,
            messages.Released: self._on_released,
            messages.Yielded: self._on_yielded,
            messages.Usable: self._on_usable,
            messages.NearEnd: self._on_near_end,
            messages.Killing: self._on_killing,
            messages.Stacks: self._on_stacks,
            messages.Upkeep: self._on_upkeep,
            messages.Settled: self._on_settled,
            messages.PauseFile: self._on_pause_file,
            messages.QueuePauses: self._on_queue_pauses,
            messages.KillThread: self._on_kill_thread,
            messages.Relocated: self._on_relocated,
            messages.Exiting: self._on_exiting,
            messages.Confirmed: self._on_confirmed,
            messages.RemoteAct: self._on_remote_act,
        }

    def take(self, child: Child, message: Message) -> None:
        """Fold one message in. A kind that only a master sends is ignored, and said."""
        child.account.heard = self._clock()
        handler = self._handlers.get(type(message))
        if handler is None:
            events.Master.strange_message(child=child.label, message=type(message).__name__)
        else:
            handler(child, message)

    def take_asked(self) -> Request | None:
        """The next command that a web page asks for."""
        return self._asked.popleft() if self._asked else None

    def look(self, now: float) -> None:
        """Look for workers on the shared pages that have not spoken for a while."""
        self._relay.look(now)

    def buried(self, child: Child) -> None:
        """A child is dead, its last messages are read."""
        self._relay.buried(child, self._clock())

    def _on_booted(self, child: Child, _message: messages.Booted) -> None:
        child.life.booted = True
        if child.kind is Kind.HOUSEKEEPER:
            self._fleet.losses.tell_at = 0.0  # its predecessor may not have acted
            self._relay.welcome(child)

    def _on_pong(self, child: Child, _message: messages.Pong) -> None:
        """The sign of life has been noted already."""

    def _on_stats(self, child: Child, stats: messages.Stats) -> None:
        now, fleet = self._clock(), self._fleet
        self._relay.report(child, stats, now)
        if child.kind is Kind.PROBATION and stats.reserved > child.account.stats.reserved:
            fleet.losses.tell_at = 0.0  # a suspect was taken: the housekeeper counts the others
        child.account.report(stats, now)
        if child.kind is Kind.WORKER:
            fleet.places.paces[child.index] = stats.pace
        fleet.redis.note(child.fork, stats.redis, now)
        fleet.ledger.report(child.fork, stats)

    def _on_state(self, child: Child, message: messages.State) -> None:
        now, intent = self._clock(), Intent(message.name)
        child.life.state = intent
        child.demands.leave_by = leave_by(child, intent, self._fleet.settings.limits, now)
        if intent is Intent.STOPPING:
            self._fleet.kills.order(
                child.fork, frozenset(child.page.running()), now, spare=self._fleet.spares(child)
            )

    def _on_released(self, child: Child, message: messages.Released) -> None:
        child.grants.released = max(child.grants.released, message.count)

    def _on_yielded(self, child: Child, message: messages.Yielded) -> None:
        if message.serial == child.grants.serial:  # else it crossed a newer order, which it will answer too
            child.grants.owned = message.quotas

    def _on_usable(self, child: Child, message: messages.Usable) -> None:
        child.grants.usable = message.quotas

    def _on_near_end(self, child: Child, _message: messages.NearEnd) -> None:
        child.life.near_end = True

    def _on_killing(self, child: Child, message: messages.Killing) -> None:
        if message.token:
            spare = self._fleet.spares(child) and not message.late
            self._fleet.kills.order(child.fork, frozenset((message.token,)), self._clock(), spare=spare)
        if message.late:
            child.demands.late = child.demands.late.intersection(child.page.running()) | {message.token}
        self._fleet.answers.append((child, message))

    def _on_stacks(self, child: Child, message: messages.Stacks) -> None:
        self._fleet.answers.append((child, message))

    def _on_confirmed(self, child: Child, message: messages.Confirmed) -> None:
        self._fleet.answers.append((child, message))

    def _on_upkeep(self, child: Child, message: messages.Upkeep) -> None:
        fleet = self._fleet
        fleet.redis.note(child.fork, message.redis, self._clock())
        fleet.redis.report(message.redis, message.since)
        fleet.suspects = Suspects(message.suspects, dict(message.capped_suspects), list(message.by_shard))

    def _on_settled(self, _child: Child, message: messages.Settled) -> None:
        settled = [fork for fork in message.forks if self._fleet.losses.deaths.pop(fork, None)]
        if settled and self._fleet.settings.burst:
            self._fleet.places.done.clear()  # jobs came back to queues that were found empty

    def _on_pause_file(self, _child: Child, message: messages.PauseFile) -> None:
        self._fleet.orders.paused_by_file(message.path, self._clock())

    def _on_queue_pauses(self, _child: Child, message: messages.QueuePauses) -> None:
        """Tell the workers, again where nothing changed: one may have had no room for it. Outdated ones are leaving.

        While a key pauses them all they are told nothing else, which might come before that.
        """
        fleet = self._fleet
        if message.queues != (fleet.paused_queues or ()):
            events.Master.queues_paused(queues=", ".join(message.queues) or "none")
        fleet.paused_queues = message.queues
        fleet.orders.paused_by_key(message.by_key, self._clock())
        for worker in fleet.working():
            if not (worker.identity.outdated or message.by_key):
                worker.channel.send(messages.PausedQueues(message.queues))

    def _on_kill_thread(self, _child: Child, message: messages.KillThread) -> None:
        for worker in self._fleet.working():
            if worker.pid == message.pid:
                jobs = [job for job in worker.page.jobs() if job.token == message.token]
                events.Master.job_killed(by="a web page", job=named(jobs) or "a job", child=worker.label)
                worker.channel.send(Kill(token=message.token))
                if message.token in worker.page.running():
                    self._fleet.kills.order(worker.fork, frozenset((message.token,)), self._clock())

    def _on_remote_act(self, _child: Child, act: messages.RemoteAct) -> None:
        self._asked.append(remote.request(self._fleet, act))

    def _on_relocated(self, _child: Child, message: messages.Relocated) -> None:
        for worker in self._fleet.working():
            worker.channel.send(message)

    def _on_exiting(self, child: Child, message: messages.Exiting) -> None:
        child.life.exiting = message.reason
        if message.ended or message.dismissed:
            self._fleet.farewells.add(Farewell(child.fork, message.ended, message.dismissed), self._clock())
        if message.reason == "burst" and child.kind is Kind.WORKER and self._fleet.settings.burst:
            self._fleet.places.done.add(child.index)
