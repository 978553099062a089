"""A worker's control thread: reads the channel and signals, keeps the intent, interrupts jobs, sends stats up."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable
from typing import NamedTuple

from resqd import events
from resqd.clock import Clock, Deadline
from resqd.errors import ChannelClosed, ProtocolError
from resqd.wire.birth import Birth
from resqd.wire.intent import COMMANDS, Command, Intent, after
from resqd.wire.messages import (
    Booted,
    Confirm,
    Confirmed,
    DumpStacks,
    Kill,
    Killing,
    KillJobs,
    Message,
    NearEnd,
    PausedQueues,
    Ping,
    Pong,
    Released,
    Relocated,
    Slots,
    Stacks,
    State,
)
from resqd.worker import reports
from resqd.worker.guard import Guard
from resqd.worker.manager import FETCHER_CRASHED, Manager
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.reports import Reporter
from resqd.worker.shared import MANDATES, Mandate
from resqd.worker.signals import Signals

LAST_FAILURES = 5.0
"""Seconds that the application's code for failures may take at the worker's end; a fifth of it at a stop."""
GIVE_UP_AFTER = 2.0
"""Seconds past KILL_GRACE after which an orphan leaves though Redis took nothing back: recovery will."""
CONFIRM_PAUSE = 0.001
"""Seconds between two looks at whether what was told has taken effect, while the master waits for that."""


class Mercy(NamedTuple):
    """What jobs are given when the worker is to end."""

    grace: float
    """KILL_GRACE, in seconds."""
    spares: bool = False
    """Whether jobs that a stop interrupts go back to their queues."""


class Control:
    """The main thread of a worker. It never touches Redis, so it answers while Redis hangs."""

    def __init__(
        self,
        *,
        birth: Birth,
        mercy: Mercy,
        manager: Manager,
        reporter: Reporter,
        pauses: PauseHooks,
        signals: Signals,
        guard: Guard,
        clock: Clock,
    ) -> None:
        self._channel = birth.channel
        self._intent = Intent(birth.state)
        self._mercy = mercy
        self._manager = manager
        self._reporter = reporter
        self._pauses = pauses
        self._signals = signals
        self._guard = guard
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._orphaned: Deadline | None = None
        self._released = 0
        self._near_end = False
        self._confirms: list[int] = []

    def run(self) -> str:
        """Run until the fetcher has ended; the reason."""
        self._listen()
        self._reporter.begin(self._intent)
        self._pauses.note(paused=self._intent is Intent.PAUSED)
        shared = self._manager.shared
        self._manager.start()
        self._channel.send(Booted())
        while not shared.reason and not self._lost():
            self._wait()
            self._handle_signals()
            self._tick()
        self._begin_no_more()
        if shared.reason == FETCHER_CRASHED:
            self._look_around()
        self._pauses.close()
        in_haste = self._intent is Intent.STOPPING or self._orphaned is not None
        self._manager.close(LAST_FAILURES / 5 if in_haste else LAST_FAILURES)
        self._reporter.report(self._intent, final=True)
        return shared.reason or "orphaned"

    # --- waiting

    def _listen(self) -> None:
        self._signals.start()
        handlers: list[tuple[int, Callable[[], object]]] = [
            (self._channel.fileno(), self._handle_messages),
            (self._signals.descriptor, lambda: _drain(self._signals.descriptor)),
            (self._manager.shared.news, lambda: _drain(self._manager.shared.news)),
        ]
        for descriptor, handler in handlers:
            self._selector.register(descriptor, selectors.EVENT_READ, handler)

    def _wait(self) -> None:
        alarm = self._manager.ladder.alarm
        alarm.awake_at = float("inf")
        timeout = self._timeout()
        alarm.awake_at = self._clock() + timeout
        for key, _ in self._selector.select(timeout):
            key.data()

    def _timeout(self) -> float:
        orphan = self._orphaned.at if self._orphaned else None
        confirm = self._clock() + CONFIRM_PAUSE if self._confirms else None
        moments = [self._reporter.due_at, self._manager.ladder.next_at(), orphan, confirm]
        return max(0.0, min(moment for moment in moments if moment is not None) - self._clock())

    def _tick(self) -> None:
        now = self._clock()
        self._manager.ladder.tick(now)
        for struck_id, struck in self._manager.ladder.overdue(now):
            self._channel.send(Killing(struck_id, struck, late=True))
        if self._intent is Intent.STOPPING:
            self._kill_jobs()  # a thread may have taken its next job just as the stop came
        self._tell_news()
        if self._intent is Intent.RUNNING:
            self._mandate()
        if self._confirms:
            self._confirm()
        if now >= self._reporter.due_at:
            self._look_around()
            self._manager.look()
            self._reporter.report(self._intent)
        if self._orphaned and self._orphaned.expired():
            self._manager.shared.order(Mandate.ABANDON)

    def _tell_news(self) -> None:
        """Tell the master what others may have now: slots, quotas, and soon this worker's place."""
        quotas = self._manager.shared.quotas
        if self._manager.shared.near_end and not self._near_end:
            self._near_end = self._channel.send(NearEnd())
        if (released := self._manager.released()) != self._released and self._channel.send(
            Released(released)
        ):
            self._released = released
        if (yielded := quotas.yielded()) and self._channel.send(yielded):
            quotas.told(yielded)
        if (usable := quotas.demand.news()) and self._channel.send(usable):
            quotas.demand.told(usable)

    def _look_around(self) -> None:
        """See what jobs have done to this process. Errors: DescriptorsLostError."""
        moved = self._guard.look()
        if (moved or self._guard.crippled) and self._intent is Intent.RUNNING:
            self._command(Command.DRAIN)
            if moved:
                events.Worker.moved()

    def _lost(self) -> bool:
        """Whether an orphan has waited long enough for Redis: what it holds is recovered by the next daemon."""
        return self._orphaned is not None and self._clock() >= self._orphaned.at + GIVE_UP_AFTER

    # --- commands

    def _handle_signals(self) -> None:
        for number, command in self._signals.take():
            events.Worker.signalled(signal=number.name)
            if command in (Command.STOP, Command.KILL_JOBS) and (jobs := self._manager.ladder.jobs()):
                events.Worker.jobs_killed(by=number.name, jobs=jobs)
            self._command(command)

    def _handle_messages(self) -> None:
        try:
            for message in self._channel.receive():
                self._handle(message)
        except (ChannelClosed, ProtocolError):
            self._orphan()

    def _handle(self, message: Message) -> None:
        if command := COMMANDS.get(type(message)):
            self._command(command)
        elif isinstance(message, Kill):
            self._kill(message)
        elif isinstance(message, KillJobs):
            self._kill_jobs()
        elif isinstance(message, Slots):
            self._manager.shared.grant(message)
        elif isinstance(message, Ping):
            self._channel.send(Pong())
        elif isinstance(message, DumpStacks):
            self._channel.send(Stacks(message.request, reports.stacks()))
        elif isinstance(message, PausedQueues):
            self._manager.shared.pause_queues(message.queues)
        elif isinstance(message, Relocated):
            self._manager.drop_link()
        elif isinstance(message, Confirm):
            self._confirms.append(message.request)

    def _confirm(self) -> None:
        """Tell the master that its order has taken effect, as soon as that is so; it waits for no Redis."""
        if self._manager.follows(MANDATES[self._intent]):
            for request in self._confirms:
                self._channel.send(Confirmed(request, self._intent.value))
            self._confirms.clear()

    def _begin_no_more(self) -> None:
        """The fetcher has ended: what the master asks from here on nobody hears. A recycled worker has released all."""
        if self._intent is not Intent.RUNNING or self._confirms:
            self._channel.send(Confirmed(0, self._intent.value))

    def _command(self, command: Command) -> None:
        intent = after(self._intent, command)
        if intent is not self._intent:
            self._intent = intent
            if intent is Intent.PAUSED:
                self._mandate()  # first, so that nothing begins once the hooks have
            self._pauses.note(paused=intent is Intent.PAUSED)
            self._mandate()
            self._channel.send(State(intent.value))
            self._reporter.due_at = self._clock()
        if command in (Command.STOP, Command.KILL_JOBS):
            self._kill_jobs()

    def _mandate(self) -> None:
        """Order what the intent means; jobs are taken once the hooks at the end of a pause have run."""
        if self._intent is not Intent.RUNNING or not self._pauses.busy:
            self._manager.shared.order(MANDATES[self._intent])

    def _kill(self, order: Kill) -> None:
        """Kill one job; an order that names none kills none."""
        if order.token:
            self._manager.ladder.kill_token(order.token, self._clock())
        else:
            struck = self._manager.ladder.kill(order.job_id, self._clock())
            self._channel.send(Killing(order.job_id, struck))

    def _kill_jobs(self) -> None:
        spare = self._mercy.spares and self._intent is Intent.STOPPING
        for struck_id, struck in self._manager.ladder.kill_all(self._clock(), spare=spare):
            self._channel.send(Killing(struck_id, struck))

    def _orphan(self) -> None:
        """The master is gone: start nothing more, give what runs KILL_GRACE to end, then return it."""
        if self._orphaned is None:
            events.Worker.orphaned(grace=self._mercy.grace)
            self._selector.unregister(self._channel.fileno())
            self._orphaned = Deadline.after(self._mercy.grace, self._clock)
            self._intent = Intent.DRAINING
            self._manager.shared.order(Mandate.LEAVE)


def _drain(descriptor: int) -> None:
    try:
        os.read(descriptor, 4096)
    except BlockingIOError:
        return
