"""A worker's control thread: reads the channel and signals, keeps the intent, interrupts jobs, sends stats up."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence

from setproctitle import setproctitle

from resqd.app import App
from resqd.clock import Clock, Deadline, monotonic
from resqd.errors import ChannelClosed, ProtocolError
from resqd.settings import Settings
from resqd.wire.birth import Birth
from resqd.wire.intent import Command, Intent, after
from resqd.wire.messages import (
    Booted,
    Drain,
    DumpStacks,
    Exiting,
    Kill,
    Killing,
    Message,
    NearEnd,
    Pause,
    Ping,
    Pong,
    Released,
    Resume,
    Running,
    Slots,
    Stacks,
    State,
    Stats,
    Stop,
)
from resqd.worker import copies, reports
from resqd.worker.blueprint import Blueprint
from resqd.worker.crew import FETCHER_CRASHED, Crew
from resqd.worker.fetcher import RECYCLED
from resqd.worker.mandate import Mandate
from resqd.worker.pause_hooks import PauseHooks
from resqd.worker.surroundings import Surroundings

_log = logging.getLogger(__name__)

STATS_EVERY = 0.250
"""Seconds between two reports while anything changes."""
IDLE_STATS_EVERY = 2.0
"""Seconds between two reports while nothing does."""
SWITCH_INTERVAL = 0.0005
"""Seconds a thread may hold the GIL while others ask for it: with CPU-bound jobs on every thread the
fetcher's acknowledgements waited 249 ms (p99) at Python's default of 0.005, and 28 ms at this."""
CRASHED = 70
"""Exit status of a worker that leaves jobs in flight behind (EX_SOFTWARE of sysexits.h)."""
LAST_FAILURES = 5.0
"""Seconds that the application's code for failures may take at the worker's end; a fifth of it at a stop."""
GIVE_UP_AFTER = 2.0
"""Seconds past KILL_GRACE after which an orphan leaves though Redis took nothing back: recovery will."""

_SIGNALS = {
    signal.SIGTERM: Command.STOP,
    signal.SIGQUIT: Command.DRAIN,
    signal.SIGUSR1: Command.KILL_JOBS,
    signal.SIGUSR2: Command.PAUSE,
    signal.SIGCONT: Command.CONTINUE,
}
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE)
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
        self._report_at = clock() + STATS_EVERY  # most short lives end before the first report
        self._last_report: Stats | None = None
        self._released = 0
        self._near_end = False
        self._title = ""

    def run(self) -> str:
        """Run until the fetcher has ended; the reason."""
        self._listen()
        self._entitle(0, ())  # at once: a short life may end before the first report
        self._pauses.note(paused=self._intent is Intent.PAUSED)
        self._crew.start(self._birth.slots, _MANDATES[self._intent])
        self._channel.send(Booted())
        while self._crew.reason is None and not self._lost():
            self._wait()
            self._handle_signals()
            self._tick()
        if self._crew.reason == FETCHER_CRASHED:
            self._look_around()
        self._pauses.close()
        in_haste = self._intent is Intent.STOPPING or self._orphaned is not None
        self._crew.close(LAST_FAILURES / 5 if in_haste else LAST_FAILURES)
        self._report(final=True)
        return self._crew.reason or "orphaned"

    # --- waiting

    def _look_around(self) -> None:
        """See what jobs have done to this process. Errors: DescriptorsLostError."""
        if self._surroundings is None:
            return
        self._surroundings.check()
        if self._surroundings.moved and self._intent is Intent.RUNNING:
            self._command(Command.DRAIN)
            _log.warning("a job left this process in another folder; it finishes its jobs and gives way")

    def _listen(self) -> None:
        wakeup_read, wakeup_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in _SIGNALS:
            signal.signal(number, lambda received, _frame: self._signals.append(received))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS.keys() | set(_IGNORED))
        handlers: list[tuple[int, Callable[[], None]]] = [
            (self._channel.fileno(), self._handle_messages),
            (wakeup_read, lambda: _drain(wakeup_read)),
            (self._crew.news, lambda: _drain(self._crew.news)),
        ]
        for descriptor, handler in handlers:
            self._selector.register(descriptor, selectors.EVENT_READ, handler)
        needed = [self._channel.fileno(), wakeup_read, wakeup_write, *self._crew.descriptors()]
        self._surroundings = Surroundings(needed)

    def _wait(self) -> None:
        for key, _ in self._selector.select(self._timeout()):
            key.data()

    def _timeout(self) -> float:
        orphan = self._orphaned.at if self._orphaned else None
        moments = [self._report_at, self._crew.ladder.next_at(), orphan]
        return max(0.0, min(moment for moment in moments if moment is not None) - self._clock())

    def _tick(self) -> None:
        now = self._clock()
        self._crew.ladder.tick(now)
        if self._intent is Intent.STOPPING:
            self._kill("")  # a thread may have taken its next job just as the stop came
        if self._crew.near_end and not self._near_end:
            self._near_end = self._channel.send(NearEnd())
        if (released := self._crew.released()) != self._released and self._channel.send(Released(released)):
            self._released = released
        if (yielded := self._crew.quotas.yielded()) and self._channel.send(yielded):
            self._crew.quotas.told(yielded)
        if self._intent is Intent.RUNNING:
            self._mandate()
        if now >= self._report_at:
            self._look_around()
            self._report()
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
            self._command(_SIGNALS[signal.Signals(number)])

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
            self._kill(message.job_id, message.token)
        elif isinstance(message, Slots):
            self._crew.grant(message)
        elif isinstance(message, Ping):
            self._channel.send(Pong())
        elif isinstance(message, DumpStacks):
            self._channel.send(Stacks(message.request, reports.stacks()))

    def _command(self, command: Command) -> None:
        intent = after(self._intent, command)
        if intent is not self._intent:
            self._intent = intent
            if intent is Intent.PAUSED:
                self._mandate()  # first, so that nothing begins once the hooks have
            self._pauses.note(paused=intent is Intent.PAUSED)
            self._mandate()
            self._channel.send(State(intent.value))
            self._report_at = 0.0
        if command in (Command.STOP, Command.KILL_JOBS):
            self._kill("")

    def _mandate(self) -> None:
        """Order what the intent means; jobs are taken once the hooks at the end of a pause have run."""
        if self._intent is not Intent.RUNNING or not self._pauses.busy:
            self._crew.order(_MANDATES[self._intent])

    def _kill(self, job_id: str, token: int = 0) -> None:
        now = self._clock()
        if token:
            self._crew.ladder.kill_token(token, now)
            return
        if job_id:
            self._channel.send(Killing(job_id, self._crew.ladder.kill(job_id, now)))
            return
        for struck_id, struck in self._crew.ladder.kill_all(now):
            self._channel.send(Killing(struck_id, struck))

    def _orphan(self) -> None:
        """The master is gone: start nothing more, give what runs KILL_GRACE to end, then return it."""
        if self._orphaned is None:
            _log.warning("the master is gone; leaving within %g s", self._settings.kill_grace)
            self._selector.unregister(self._channel.fileno())
            self._orphaned = Deadline.after(self._settings.kill_grace, self._clock)
            self._intent = Intent.DRAINING
            self._crew.order(Mandate.LEAVE)

    # --- reports

    def _report(self, *, final: bool = False) -> None:
        stats = self._crew.stats()
        changed = stats.running or self._last_report is None or stats.reserved != self._last_report.reserved
        self._report_at = self._clock() + (STATS_EVERY if changed else IDLE_STATS_EVERY)
        self._last_report = stats
        self._channel.flush()
        # What a stalled master has not read leaves room for what matters.
        if (self._channel.pending and not final) or not self._channel.send(stats):
            self._crew.unsent(stats)
        if not final:
            self._entitle(stats.processed, stats.running)

    def _entitle(self, done: int, running: Sequence[Running]) -> None:
        title = reports.title(
            prefix=self._settings.procline_prefix,
            name=f"{self._birth.kind.value} {self._birth.index}",
            intent=self._intent,
            done=done,
            permits=self._settings.jobs_per_fork,
            jobs=running,
            queues=",".join(spec.pattern for spec in self._settings.queues),
        )
        if title != self._title:
            self._title = title
            setproctitle(title)


def _drain(descriptor: int) -> None:
    try:
        os.read(descriptor, 4096)
    except BlockingIOError:
        return


def run(birth: Birth, *, settings: Settings, app: App, blueprint: Blueprint) -> int:
    """Be a worker: called in the forked child, returns its exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    app.hooks.insist("after_fork")
    crew = blueprint.crew(birth)
    pauses = PauseHooks(run=app.hooks.run, done=crew.ring)
    control = Control(birth=birth, settings=settings, crew=crew, pauses=pauses, clock=monotonic)
    copies.guard(
        channel=birth.channel,
        executors=crew.executors,
        signals=[*_SIGNALS, *_IGNORED],
        title=f"{settings.procline_prefix}resqd-{reports.short_version()}: forked by a job",
    )
    try:
        reason = control.run()
    except OSError:
        _log.exception("a job has closed descriptors of this process; it gives way to a new one")
        crew.blame()
        return CRASHED  # without a good-bye: the master takes it for the crash that it is
    if reason == RECYCLED:
        app.hooks.run("after_jobs_run")
    app.hooks.run("worker_exit")
    birth.channel.send(Exiting(reason))
    return CRASHED if reason == FETCHER_CRASHED else 0
