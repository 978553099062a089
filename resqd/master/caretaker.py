"""Stands in for the master's loop while a reloaded program imports the application, which may take a minute."""

from __future__ import annotations

import _thread
import os
import selectors
import threading
import time
from pathlib import Path

from resqd import events
from resqd.clock import Clock
from resqd.master.commands.server import ControlServer, Request
from resqd.master.systemd import Notifier
from resqd.wire.requests import refusal

PARKED_FOR = 4.0
"""Seconds that a client waits for the master before it is told why it should not; resqctl itself gives up after 5."""
_LONGEST_SLEEP = 1.0
_END_WITHIN = 1.0


class Caretaker:
    """A thread that pets systemd's watchdog, answers `ping`, and parks all other calls, for `seconds` at the most.

    A thread, and not a process: systemd hears the main process only (NotifyAccess=main), and other
    processes' pets would be refused. It has ended before anything is forked: `stop` waits until the
    kernel has forgotten it. It knows nothing of `threading`, which the application's import may patch. While
    an import holds the GIL it cannot run; the time that `Notifier.bridge` asked for covers that.
    """

    def __init__(
        self,
        *,
        path: Path,
        descriptor: int,
        bound: tuple[int, int, int],
        notifier: Notifier,
        seconds: float,
        clock: Clock,
    ) -> None:
        self.selector = selectors.DefaultSelector()
        self.server = ControlServer(path=path, selector=self.selector, clock=clock)
        self.server.adopt(descriptor, bound)
        self._notifier = notifier
        self._clock = clock
        self._began = clock()
        self._until = self._began + seconds
        self._parked: list[tuple[float, Request]] = []
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._done = _thread.allocate_lock()
        self._thread_id = 0

    def start(self) -> None:
        """Begin."""
        self.selector.register(self._wake, selectors.EVENT_READ, self)
        self._done.acquire()
        _thread.start_new_thread(self._run, ())

    def stop(self) -> None:
        """End. The server, with the calls that are still to be answered, and the selector are the caller's now."""
        os.eventfd_write(self._wake, 1)
        self._done.acquire()
        self._wait_for_its_end()
        self.selector.unregister(self._wake)
        os.close(self._wake)
        self.server.put_back(request for _, request in self._parked if not request.closed)

    def _run(self) -> None:
        self._thread_id = threading.get_native_id()
        try:
            while self._turn():
                pass
        except Exception:  # noqa: BLE001 - the thread's top: without it the import goes on as before
            events.Master.caretaker_failed()
        finally:
            self._done.release()

    def _turn(self) -> bool:
        ready = self.selector.select(self._timeout())
        if any(key.data is self for key, _ in ready):
            return False
        for key, mask in ready:
            self.server.ready(key, mask)
        while (request := self.server.take()) is not None:
            self._handle(request)
        now = self._clock()
        self.server.tick(now)
        self._notifier.tick(now)
        self._turn_away(now)
        return now < self._until

    def _timeout(self) -> float:
        now = self._clock()
        moments = [self.server.next_at(), self._notifier.next_at(), self._until]
        moments += [at for at, _ in self._parked]
        return max(0.0, min(now + _LONGEST_SLEEP, *(at for at in moments if at is not None)) - now)

    def _handle(self, request: Request) -> None:
        if request.command == "ping":
            request.reply({"ok": True, "pid": os.getpid()})
        else:
            self._parked.append((self._clock() + PARKED_FOR, request))

    def _turn_away(self, now: float) -> None:
        for at, request in [parked for parked in self._parked if parked[0] <= now]:
            self._parked.remove((at, request))
            request.reply(
                refusal(
                    f"the daemon is loading its new code, for {now - self._began:.0f} s by now; try again"
                )
            )

    def _wait_for_its_end(self) -> None:
        """Its last instructions come after its lock; a fork beside it would copy only one of two threads."""
        end = time.monotonic() + _END_WITHIN
        while os.path.exists(f"/proc/self/task/{self._thread_id}") and time.monotonic() < end:
            time.sleep(0.0005)
