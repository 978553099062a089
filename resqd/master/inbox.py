"""What children say, folded into the master's views, books and orders."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from resqd.clock import Clock
from resqd.master.child import Child
from resqd.master.commands.steering import Helm
from resqd.master.ledger import Ledger
from resqd.master.outage import Outage
from resqd.master.plan import Fleet
from resqd.master.timeouts import Kills, Limits, leave_by
from resqd.wire import messages
from resqd.wire.birth import Kind
from resqd.wire.messages import Busy, Death, Kill, Message, Running
from resqd.wire.tallies import Tallies

_log = logging.getLogger(__name__)

RELAY_EVERY = 1.0
"""Seconds between two reports of what a worker runs that are passed on to the housekeeper."""


class Answers(Protocol):
    """Who waits for a worker's answer: the desk, on behalf of resqctl's clients."""

    def killing(self, child: Child, answer: messages.Killing) -> None:
        """A worker says whether it runs the job that is to be killed."""

    def stacks(self, child: Child, answer: messages.Stacks) -> None:
        """A worker sends its threads' stacks."""

    def confirmed(self, child: Child, answer: messages.Confirmed) -> None:
        """A worker says that what it was told has taken effect."""


class Inbox:
    """One `_on_<message>` method for each kind of message."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        ledger: Ledger,
        kills: Kills,
        helm: Helm,
        answers: Answers,
        limits: Limits,
        booted: Callable[[Child], None],
        clock: Clock,
    ) -> None:
        self.deaths: dict[int, Death] = {}
        """Dead forks whose jobs are not settled yet."""
        self.redis = "not connected yet"
        self.redis_since = clock()
        self._fleet = fleet
        self._ledger = ledger
        self._tallies = Tallies()
        self._outage = Outage(clock=clock)
        self._kills = kills
        self._helm = helm
        self._answers = answers
        self._limits = limits
        self._booted = booted
        self._clock = clock
        self._handlers: dict[type[Message], Callable[..., None]] = {
            messages.Booted: self._on_booted,
            messages.Pong: self._on_pong,
            messages.Stats: self._on_stats,
            messages.State: self._on_state,
            messages.Released: self._on_released,
            messages.Yielded: self._on_yielded,
            messages.NearEnd: self._on_near_end,
            messages.Killing: self._on_killing,
            messages.Stacks: self._on_stacks,
            messages.Upkeep: self._on_upkeep,
            messages.Settled: self._on_settled,
            messages.PauseFile: self._on_pause_file,
            messages.KillThread: self._on_kill_thread,
            messages.Exiting: self._on_exiting,
            messages.Confirmed: self._on_confirmed,
        }

    def take(self, child: Child, message: Message) -> None:
        """Fold one message in. A kind that only a master sends is ignored, and said."""
        child.heard = self._clock()
        handler = self._handlers.get(type(message))
        if handler is None:
            _log.warning("%s sent a %s", child.label, type(message).__name__)
        else:
            handler(child, message)

    def _on_booted(self, child: Child, _message: messages.Booted) -> None:
        child.booted = True
        self._booted(child)

    def _on_pong(self, child: Child, _message: messages.Pong) -> None:
        """The sign of life has been noted already."""

    def _on_stats(self, child: Child, stats: messages.Stats) -> None:
        now = self._clock()
        elapsed = now - child.stats_at
        if child.stats_at and elapsed > 0:
            child.cpu_percent = 100 * max(0.0, stats.cpu_seconds - child.stats.cpu_seconds) / elapsed
        child.stats_at = now
        self._relay(child, stats, now)
        self._fleet.recount |= child.kind is Kind.PROBATION and stats.reserved > child.stats.reserved
        child.stats = stats
        if child.kind is Kind.WORKER:
            self._fleet.paces[child.index] = stats.pace
        self._outage.note(child.fork, stats.redis)
        self._ledger.report(child.fork, stats)

    def _relay(self, child: Child, stats: messages.Stats, now: float) -> None:
        """Pass on what the housekeeper publishes: metrics always, running jobs now and then, when they changed."""
        threads = (stats.missing, stats.replaced)
        news = stats.running != child.relayed or threads != child.relayed_threads
        self._tallies.add(stats.metrics)
        if stats.metrics or (news and now - child.relayed_at >= RELAY_EVERY):
            self._pass_on(child, stats.running, threads, now)

    def look(self, now: float) -> None:
        """Pass on what the pages show of workers that have not spoken for a while: a job may keep them from it."""
        for child in self._fleet.children:
            if not child.working or now - child.stats_at < RELAY_EVERY or not any(child.page.cells):
                continue
            running = child.running()
            if {job.token for job in running} != {job.token for job in child.relayed}:
                self._pass_on(child, running, child.relayed_threads, now)

    def _pass_on(
        self, child: Child, running: tuple[Running, ...], threads: tuple[int, int], now: float
    ) -> None:
        """Tell the housekeeper, with all counts that it has not been told; it may be dead, or not take more now."""
        missing, replaced = threads
        fresh = replaced - child.relayed_threads[1]
        busy = Busy(child.pid, running, self._tallies.take(), missing, fresh)
        if any(each.channel.send(busy) for each in self._fleet.children if each.serving):
            child.relayed, child.relayed_at, child.relayed_threads = running, now, threads
        else:
            self._tallies.add(busy.metrics)

    def buried(self, child: Child) -> None:
        """A child is dead: nothing that it ran is to be shown any more. A new housekeeper is told everything."""
        self._outage.forget(child.fork)
        if child.working and (child.relayed or child.relayed_threads[0]):
            self._pass_on(child, (), (0, child.relayed_threads[1]), self._clock())
        elif not child.working:
            for worker in self._fleet.children:
                worker.relayed, worker.relayed_threads = (), (0, worker.relayed_threads[1])

    def _on_state(self, child: Child, message: messages.State) -> None:
        child.state = message.name
        child.leave_by = leave_by(child, message.name, self._limits, self._clock())
        if message.name == "stopping":
            self._kills.order(child.fork, frozenset(child.page.running()), self._clock())

    def _on_released(self, child: Child, message: messages.Released) -> None:
        child.released = max(child.released, message.count)

    def _on_yielded(self, child: Child, message: messages.Yielded) -> None:
        if message.serial == child.orders:  # else it crossed a newer order, which it will answer too
            child.owned = message.quotas

    def _on_near_end(self, child: Child, _message: messages.NearEnd) -> None:
        child.near_end = True

    def _on_killing(self, child: Child, message: messages.Killing) -> None:
        if message.token:
            self._kills.order(child.fork, frozenset((message.token,)), self._clock())
        self._answers.killing(child, message)

    def _on_stacks(self, child: Child, message: messages.Stacks) -> None:
        self._answers.stacks(child, message)

    def _on_upkeep(self, child: Child, message: messages.Upkeep) -> None:
        self._outage.note(child.fork, message.redis)
        self._fleet.suspects = message.suspects
        self._fleet.capped_suspects = dict(message.capped_suspects)
        if message.redis != self.redis:
            self.redis, self.redis_since = message.redis, message.since

    def _on_settled(self, _child: Child, message: messages.Settled) -> None:
        settled = [fork for fork in message.forks if self.deaths.pop(fork, None)]
        self._fleet.unsettled = bool(self.deaths)
        if settled and self._fleet.burst:
            self._fleet.done.clear()  # jobs came back to queues that were found empty

    def _on_pause_file(self, _child: Child, message: messages.PauseFile) -> None:
        self._helm.paused_by_file(message.path)

    def _on_kill_thread(self, _child: Child, message: messages.KillThread) -> None:
        for worker in self._fleet.children:
            if worker.working and worker.pid == message.pid:
                _log.info("a web page asks to kill the job on thread %d of %s", message.thread, worker.label)
                worker.channel.send(Kill(token=message.token))
                if message.token in worker.page.running():
                    self._helm.order(worker, message.token)

    def _on_confirmed(self, child: Child, message: messages.Confirmed) -> None:
        self._answers.confirmed(child, message)

    def _on_exiting(self, child: Child, message: messages.Exiting) -> None:
        child.exiting = message.reason
        if message.reason == "burst" and child.kind is Kind.WORKER and self._fleet.burst:
            self._fleet.done.add(child.index)
