"""A worker's control thread: reads the channel and signals, keeps the intent, interrupts jobs, sends stats up."""

from __future__ import annotations

import logging
import os
import selectors
import signal
from collections import deque
from collections.abc import Callable

from resqd.clock import Clock, Deadline
from resqd.errors import ChannelClosed, ProtocolError
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.intent import Command, Intent, after
from resqd.wire.messages import (
    Booted,
    Confirm,
    Confirmed,
    Drain,
    DumpStacks,
    Kill,
    Killing,
    KillJobs,
    Message,
    NearEnd,
    Pause,
    Ping,
    Pong,
    Released,
    Resume,
    Slots,
    Stacks,
    State,
    Stop,
)
from resqd.worker import reports
from resqd.worker.guard import CommonSettings, Surroundings
from resqd.worker.manager import FETCHER_CRASHED, Crew
from resqd.worker.mandate import Mandate
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.reports import Reporter

_log = logging.getLogger(__name__)

LAST_FAILURES = 5.0
"""Seconds that the application's code for failures may take at the worker's end; a fifth of it at a stop."""
GIVE_UP_AFTER = 2.0
"""Seconds past KILL_GRACE after which an orphan leaves though Redis took nothing back: recovery will."""

CONFIRM_PAUSE = 0.001
"""Seconds between two looks at whether what was told has taken effect, while the master waits for that."""

SIGNALS = {
    signal.SIGTERM: Command.STOP,
    signal.SIGQUIT: Command.DRAIN,
    signal.SIGUSR1: Command.KILL_JOBS,
    signal.SIGUSR2: Command.PAUSE,
    signal.SIGCONT: Command.CONTINUE,
}
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE)
"""What a terminal or a supervisor sends to the whole group reaches children through the master only."""
_MESSAGES: dict[type[Message], Command] = {
    Pause: Command.PAUSE,
    Resume: Command.RESUME,
    Drain: Command.DRAIN,
    Stop: Command.STOP,
}
_MANDATES = {
    Intent.RUNNING: Mandate.RESERVE,
    Intent.PAUSED: Mandate.HOLD,
    Intent.DRAINING: Mandate.LEAVE,
    Intent.STOPPING: Mandate.LEAVE,
}


class Control:
    """The main thread of a worker. It never touches Redis, so it answers while Redis hangs."""

    def __init__(
        self, *, birth: Birth, settings: Settings, crew: Crew, pauses: PauseHooks, clock: Clock
    ) -> None:
        self._birth = birth
        self._settings = settings
        self._crew = crew
        self._pauses = pauses
        self._clock = clock
        self._channel = birth.channel
        self._intent = Intent(birth.state)
        self._signals: deque[int] = deque()
        self._selector = selectors.DefaultSelector()
        self._orphaned: Deadline | None = None
        self._surroundings: Surroundings | None = None
        self._common: CommonSettings | None = None
        self._reporter = Reporter(birth=birth, settings=settings, crew=crew, clock=clock)
        self._released = 0
        self._near_end = False
        self._confirms: list[int] = []

    def run(self) -> str:
        """Run until the fetcher has ended; the reason."""
        self._listen()
        self._reporter.begin(self._intent)
        self._pauses.note(paused=self._intent is Intent.PAUSED)
        self._crew.start(self._birth.slots, _MANDATES[self._intent])
        self._channel.send(Booted())
        while self._crew.reason is None and not self._lost():
            self._wait()
            self._handle_signals()
            self._tick()
        self._begin_no_more()
        if self._crew.reason == FETCHER_CRASHED:
            self._look_around()
        self._pauses.close()
        in_haste = self._intent is Intent.STOPPING or self._orphaned is not None
        self._crew.close(LAST_FAILURES / 5 if in_haste else LAST_FAILURES)
        self._reporter.report(self._intent, final=True)
        return self._crew.reason or "orphaned"

    # --- waiting

    def _look_around(self) -> None:
        """See what jobs have done to this process. Errors: DescriptorsLostError."""
        if self._surroundings is None or self._common is None:
            return
        self._common.restore()
        self._surroundings.check()
        if self._surroundings.moved and self._intent is Intent.RUNNING:
            self._command(Command.DRAIN)
            _log.warning("a job left this process in another folder; it finishes its jobs and gives way")

    def _listen(self) -> None:
        wakeup_read, wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in SIGNALS:
            signal.signal(number, lambda received, _frame: self._signals.append(received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, *IGNORED, signal.SIGCHLD})
        handlers: list[tuple[int, Callable[[], None]]] = [
            (self._channel.fileno(), self._handle_messages),
            (wakeup_read, lambda: _drain(wakeup_read)),
            (self._crew.news, lambda: _drain(self._crew.news)),
        ]
        for descriptor, handler in handlers:
            self._selector.register(descriptor, selectors.EVENT_READ, handler)
        needed = [self._channel.fileno(), wakeup_read, wakeup_write, *self._crew.descriptors()]
        self._surroundings = Surroundings(needed)
        self._common = CommonSettings(wakeup=wakeup_write)

    def _wait(self) -> None:
        for key, _ in self._selector.select(self._timeout()):
            key.data()

    def _timeout(self) -> float:
        orphan = self._orphaned.at if self._orphaned else None
        confirm = self._clock() + CONFIRM_PAUSE if self._confirms else None
        moments = [self._reporter.due_at, self._crew.ladder.next_at(), orphan, confirm]
        return max(0.0, min(moment for moment in moments if moment is not None) - self._clock())

    def _tick(self) -> None:
        now = self._clock()
        self._crew.ladder.tick(now)
        if self._intent is Intent.STOPPING:
            self._kill_jobs()  # a thread may have taken its next job just as the stop came
        if self._crew.near_end and not self._near_end:
            self._near_end = self._channel.send(NearEnd())
        if (released := self._crew.released()) != self._released and self._channel.send(Released(released)):
            self._released = released
        if (yielded := self._crew.quotas.yielded()) and self._channel.send(yielded):
            self._crew.quotas.told(yielded)
        if self._intent is Intent.RUNNING:
            self._mandate()
        if self._confirms:
            self._confirm()
        if now >= self._reporter.due_at:
            self._look_around()
            self._crew.look()
            self._reporter.report(self._intent)
        if self._orphaned and self._orphaned.expired():
            self._crew.order(Mandate.ABANDON)

    def _lost(self) -> bool:
        """Whether an orphan has waited long enough for Redis: what it holds is recovered by the next daemon."""
        return self._orphaned is not None and self._clock() >= self._orphaned.at + GIVE_UP_AFTER

    # --- commands

    def _handle_signals(self) -> None:
        while self._signals:
            number = self._signals.popleft()
            _log.info("got %s", signal.Signals(number).name)
            self._command(SIGNALS[signal.Signals(number)])

    def _handle_messages(self) -> None:
        try:
            for message in self._channel.receive():
                self._handle(message)
        except (ChannelClosed, ProtocolError):
            self._orphan()

    def _handle(self, message: Message) -> None:
        if command := _MESSAGES.get(type(message)):
            self._command(command)
        elif isinstance(message, Kill):
            self._kill(message)
        elif isinstance(message, KillJobs):
            self._kill_jobs()
        elif isinstance(message, Slots):
            self._crew.grant(message)
        elif isinstance(message, Ping):
            self._channel.send(Pong())
        elif isinstance(message, DumpStacks):
            self._channel.send(Stacks(message.request, reports.stacks()))
        elif isinstance(message, Confirm):
            self._confirms.append(message.request)

    def _confirm(self) -> None:
        """Tell the master that its order has taken effect, as soon as that is so; it waits for no Redis."""
        if self._crew.follows(_MANDATES[self._intent]):
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
            self._crew.order(_MANDATES[self._intent])

    def _kill(self, order: Kill) -> None:
        """Kill one job; an order that names none kills none."""
        if order.token:
            self._crew.ladder.kill_token(order.token, self._clock())
        else:
            struck = self._crew.ladder.kill(order.job_id, self._clock())
            self._channel.send(Killing(order.job_id, struck))

    def _kill_jobs(self) -> None:
        for struck_id, struck in self._crew.ladder.kill_all(self._clock()):
            self._channel.send(Killing(struck_id, struck))

    def _orphan(self) -> None:
        """The master is gone: start nothing more, give what runs KILL_GRACE to end, then return it."""
        if self._orphaned is None:
            _log.warning("the master is gone; leaving within %g s", self._settings.kill_grace)
            self._selector.unregister(self._channel.fileno())
            self._orphaned = Deadline.after(self._settings.kill_grace, self._clock)
            self._intent = Intent.DRAINING
            self._crew.order(Mandate.LEAVE)


def _drain(descriptor: int) -> None:
    try:
        os.read(descriptor, 4096)
    except BlockingIOError:
        return
