"""A reload's exec in place: what the master carries over, and who stands in until the next program has imported.

The fleet and the descriptors that live on go as bytes in a memfd.
"""

from __future__ import annotations

import _thread
import os
import selectors
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import msgpack

from resqd import events
from resqd.clock import Clock
from resqd.errors import ProtocolError
from resqd.master.commands.server import ControlServer, Request
from resqd.master.fleet import Fleet, Snapshot
from resqd.master.lock import DaemonLock
from resqd.master.systemd import Notifier
from resqd.text import EXACT
from resqd.wire.doorbell import Bells
from resqd.wire.messages import Death, Farewell
from resqd.wire.requests import refusal

VARIABLE = "RESQD_HANDOVER"
"""The environment variable that names the memfd to the next program."""
FORMAT_VARIABLE = "RESQD_HANDOVER_FORMAT"
"""The environment variable that tells a reload's trial in which form the running program will hand over."""
FORMAT = 7
"""Counts what must be the same in both programs: these fields, the messages of the channels, and the pages' layout."""
PARKED_FOR = 4.0
"""Seconds that a client waits for the master before it is told why it should not; resqctl itself gives up after 5."""
_LONGEST_SLEEP = 1.0
_END_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Handover:
    """Everything that is not to be found in the settings."""

    fleet: Snapshot
    epoch: str
    lock: int
    listener: int
    socket_file: tuple[int, int, int]
    """The trace of the control socket's file."""
    bell: tuple[int, ...]
    """Of each shard's bell three."""
    held: tuple[int, ...]
    """Descriptors that only have to stay open, such as the embedded server's."""

    def close_on_exec(self) -> None:
        """After the exec: no other program is to get what this one only keeps."""
        for descriptor in (*self.bell, *self.held):
            os.set_inheritable(descriptor, False)


@dataclass(frozen=True, slots=True)
class Estate:
    """All that is handed over: what outlives a reload, and whose descriptors stay open."""

    epoch: str
    fleet: Fleet
    lock: DaemonLock
    server: ControlServer
    bells: Bells
    held: tuple[int, ...]

    def hand_over(self) -> int:
        """Make all descriptors that live on inheritable; the descriptor of the saved handover."""
        for descriptor in (*self.bells.descriptors, *self.held, *self.fleet.descriptors()):
            os.set_inheritable(descriptor, True)
        return save(
            Handover(
                fleet=self.fleet.snapshot(),
                epoch=self.epoch,
                lock=self.lock.hand_over(),
                listener=self.server.hand_over(),
                socket_file=self.server.bound,
                bell=self.bells.descriptors,
                held=self.held,
            )
        )


def refuse_other(environ: Mapping[str, str]) -> None:
    """In a reload's trial: whether this program could take over. Errors: ProtocolError."""
    theirs = environ.get(FORMAT_VARIABLE, str(FORMAT))
    if theirs != str(FORMAT):
        raise ProtocolError(
            f"the new resqd takes over format {FORMAT} and the running one gives format {theirs}: "
            "restart instead of reloading"
        )


def save(handover: Handover) -> int:
    """Write it into a memfd that survives the exec; the descriptor."""
    facts = asdict(handover)
    facts |= facts.pop("fleet")
    data: bytes = msgpack.packb({"format": FORMAT, **facts}, unicode_errors=EXACT)
    descriptor = os.memfd_create("resqd-handover", 0)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def load(descriptor: int) -> Handover:
    """Read what the last program saved, and close it. Errors: ProtocolError when another version wrote it."""
    with os.fdopen(descriptor, "rb") as file:
        facts: dict[str, Any] = msgpack.unpackb(file.read(), strict_map_key=False, unicode_errors=EXACT)
    if facts.pop("format", None) != FORMAT:
        raise ProtocolError("the handover of a reload is of another format; restart instead of reloading")
    for name in ("redis", "past", "bell", "held", "children", "socket_file"):
        facts[name] = tuple(facts[name])
    facts["deaths"] = tuple(
        Death(**{**each, **{name: tuple(each.get(name, ())) for name in ("running", "convicted", "late")}})
        for each in facts["deaths"]
    )
    facts["farewells"] = tuple(
        (kept_at, Farewell(**{**each, "dismissed": tuple(each["dismissed"])}))
        for kept_at, each in facts["farewells"]
    )
    fleet = Snapshot(**{each.name: facts.pop(each.name) for each in fields(Snapshot)})
    return Handover(fleet=fleet, **facts)


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
