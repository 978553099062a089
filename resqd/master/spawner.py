"""The only place that forks: makes a child's socketpair and page, and in the child closes what is not its own."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping

from resqd.clock import Clock
from resqd.log import flush_streams
from resqd.master import signals
from resqd.master.child import Child
from resqd.wire.birth import Birth, Kind, Page
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bell
from resqd.wire.messages import Exiting

_log = logging.getLogger(__name__)

Entry = Callable[[Birth], int]
"""What a child runs: it returns the process's exit status."""
LAST_WORDS = 500
"""The most characters of an error that `status` shows."""
CRASHED = 70
"""Exit status of a child whose code raised (EX_SOFTWARE of sysexits.h)."""


class Spawner:
    """Forks children. `descriptors` gives the master's own descriptors, which no child may keep."""

    def __init__(
        self,
        *,
        entries: Mapping[Kind, Entry],
        epoch: str,
        bell: Bell,
        threads: int,
        descriptors: Callable[[], Iterable[int]],
        clock: Clock,
        forks: int = 0,
    ) -> None:
        self._entries = entries
        self._epoch = epoch
        self._bell = bell
        self._threads = threads
        self._descriptors = descriptors
        self._clock = clock
        self.forks = forks

    def spawn(
        self, *, kind: Kind, index: int, state: str, slots: int, pace: float, quotas: dict[str, int]
    ) -> Child:
        """Fork a child. Errors: OSError when the system has no process, memory or descriptor left."""
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.callback(theirs.close)
            on_failure = undo.enter_context(contextlib.ExitStack())
            on_failure.callback(ours.close)
            page = Page(1 if kind is Kind.PROBATION else self._threads)
            on_failure.callback(page.close)
            birth = Birth(
                kind=kind,
                index=index,
                fork=self.forks + 1,
                epoch=self._epoch,
                master_pid=os.getpid(),
                state=state,
                slots=slots,
                pace=pace,
                quotas=quotas,
                channel=Channel(theirs),
                page=page,
                bell=self._bell,
            )
            pid = self._fork(birth, ours)
            on_failure.pop_all()
            self.forks = birth.fork
            return Child.of(birth, pid=pid, channel=Channel(ours), now=self._clock())

    def _fork(self, birth: Birth, masters_end: socket.socket) -> int:
        flush_streams()
        # A signal between the fork and the child's own handlers would be lost, or end it by default;
        # blocked, it waits until the child unblocks.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals.HANDLED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(birth, masters_end)
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.HANDLED)

    def _become(self, birth: Birth, masters_end: socket.socket) -> None:
        """In the child: never returns, and leaves by os._exit, so nothing of the master's is run or flushed twice."""
        status = CRASHED
        try:
            signals.reset()
            masters_end.close()
            os.close(birth.page.descriptor)
            for descriptor in self._descriptors():
                os.close(descriptor)
            status = self._entries[birth.kind](birth)
        except BaseException as error:  # noqa: BLE001 - the process's top: said, then the process ends
            _log.exception("the %s crashed", birth.kind.value)
            birth.channel.send(Exiting(f"{type(error).__name__}: {error}"[:LAST_WORDS]))
        finally:
            flush_streams()
            os._exit(status)
