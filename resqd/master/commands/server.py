"""The control socket: takes resqctl's calls inside the master's own loop, and no client can hold that loop up."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from resqd import events
from resqd.clock import Clock, Deadline, monotonic
from resqd.errors import ChannelClosed, ProtocolError, ResqdError
from resqd.folders import Trace, private_folder
from resqd.master.commands.connection import Caller, may_call
from resqd.wire.requests import Call, fault, refusal

PATIENCE = 5.0
"""Seconds that a client has to finish its call, and again to take the reply."""
CALLERS = 128
"""Connections at once; the oldest that has not asked yet makes way for a new one."""
SHORTAGE_PAUSE = 0.5
"""Seconds without accepting after the system had no descriptor or memory for it."""
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BACKLOG = 128  # short: whoever waits in it waits behind all the others in it
_ACCEPTED_PER_TURN = 32
_PATH_LIMIT = 107  # sun_path, with its closing NUL


class ControlError(ResqdError):
    """The control socket cannot be made."""


class Request:
    """A call with the way to answer it, now or later, exactly once."""

    def __init__(
        self,
        call: Call,
        *,
        by: str,
        reply: Callable[[Mapping[str, Any]], object],
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.command = call.command
        self.arguments = call.arguments
        self.by = by
        """Who calls, for the log."""
        self._reply = reply
        self._closed = closed

    @property
    def closed(self) -> bool:
        """Whether the client is gone; a reply would go nowhere, and is allowed."""
        return self._closed()

    def reply(self, reply: Mapping[str, Any]) -> None:
        """Send the reply, `{"ok": true, ...}` or `{"ok": false, "error": line}`."""
        self._reply(reply)


class ControlServer:
    """Listens on a Unix socket and keeps each call as a Request until `take`.

    The master's loop calls `ready` for the keys whose data is this server, `take` and `tick` at every turn,
    and sleeps no longer than `next_at`. The caller holds the daemon's lock before `start`.
    """

    def __init__(
        self,
        *,
        path: Path,
        selector: selectors.BaseSelector,
        clock: Clock = monotonic,
    ) -> None:
        self._path = path
        self._selector = selector
        self._clock = clock
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._callers: dict[int, Caller] = {}
        self._requests: deque[Request] = deque()
        self._resume: Deadline | None = None
        self._bound: Trace | None = None

    def start(self) -> None:
        """Bind and listen. A socket file that a dead daemon left is replaced: the lock says that it is dead.

        Errors: FolderError for a folder that is not ours alone, ControlError when the socket cannot be bound.
        """
        private_folder(self._path.parent)
        if len(os.fsencode(self._path)) > _PATH_LIMIT:
            raise ControlError(
                f"the path of the control socket is longer than {_PATH_LIMIT} bytes: {self._path}"
            )
        before = os.umask(0o177)
        try:
            self._path.unlink(missing_ok=True)
            self._listener.bind(os.fspath(self._path))
            self._bound = Trace.at(self._path)
        except OSError as error:
            raise ControlError(f"cannot make the control socket {self._path}: {error.strerror}") from error
        finally:
            os.umask(before)
        self._listener.listen(_BACKLOG)
        self._listen()

    def adopt(self, descriptor: int, bound: tuple[int, int, int]) -> None:
        """Go on with the listening socket that `hand_over` kept open over an exec; `bound` names its file."""
        self._bound = Trace(*bound)
        self._listener.close()
        self._listener = socket.socket(fileno=descriptor)
        self._listener.set_inheritable(False)
        self._listen()

    def hand_over(self) -> int:
        """Keep the listening socket open over the exec that follows, and give its number for `adopt`."""
        self._listener.set_inheritable(True)
        return self._listener.fileno()

    @property
    def listening(self) -> bool:
        """Whether it has been started, or adopted."""
        return self._bound is not None

    @property
    def bound(self) -> tuple[int, int, int]:
        """The trace of the socket's file, for `adopt`."""
        trace = self._bound
        return (trace.device, trace.inode, trace.written_ns) if trace else (0, 0, 0)

    def descriptors(self) -> list[int]:
        """What a forked child must close."""
        return [self._listener.fileno(), *self._callers]

    def ready(self, key: selectors.SelectorKey, mask: int) -> None:
        """Serve the listening socket or a client that the selector found ready."""
        if key.fd == self._listener.fileno():
            self._accept()
        elif (caller := self._callers.get(key.fd)) is not None:
            self._serve(caller, mask)

    def take(self) -> Request | None:
        """The next call that has come; None when all are taken."""
        return self._requests.popleft() if self._requests else None

    def put_back(self, requests: Iterable[Request]) -> None:
        """Keep calls for whoever takes them next."""
        self._requests.extendleft(reversed(list(requests)))

    def tick(self, now: float) -> None:
        """Drop the clients that are too slow, and accept again after a shortage."""
        for caller in list(self._callers.values()):
            if caller.deadline is not None and caller.deadline.at <= now:
                self._drop(caller, "too slow")
        if self._resume is not None and self._resume.at <= now:
            self._resume = None
            self._selector.register(self._listener, selectors.EVENT_READ, self)

    def next_at(self) -> float | None:
        """When `tick` has something to do, in the clock's seconds; None when nothing is due."""
        deadlines = [caller.deadline for caller in self._callers.values()]
        return min((each.at for each in (*deadlines, self._resume) if each is not None), default=None)

    def close(self) -> None:
        """End all connections and remove the socket file, unless it is another daemon's by now."""
        for caller in list(self._callers.values()):
            self._drop(caller, "the daemon ends")
        if self._listener in self._selector.get_map():
            self._selector.unregister(self._listener)
        self._listener.close()
        if self._bound is not None:
            self._bound.remove(self._path)

    def _listen(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self)

    def _accept(self) -> None:
        # Bounded: whoever connects in a loop gets no more of the master's turn.
        for _ in range(_ACCEPTED_PER_TURN):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError as error:
                if error.errno not in _SHORTAGES:
                    raise
                self._pause(error)
                return
            self._welcome(sock)

    def _pause(self, error: OSError) -> None:
        """The connection stays in the backlog and keeps the socket readable: without a pause the loop would spin."""
        events.Master.control_shortage(seconds=SHORTAGE_PAUSE, why=error.strerror)
        self._selector.unregister(self._listener)
        self._resume = Deadline.after(SHORTAGE_PAUSE, self._clock)

    def _welcome(self, sock: socket.socket) -> None:
        caller = Caller(sock, deadline=Deadline.after(PATIENCE, self._clock))
        if not may_call(caller.uid):
            events.Master.caller_refused(uid=caller.uid)
            self._turn_away(caller, "only the daemon's own user and root may steer it")
        elif len(self._callers) >= CALLERS and not self._make_way():
            self._turn_away(caller, "too many requests at once")
        else:
            self._callers[caller.fileno()] = caller
            self._selector.register(caller, selectors.EVENT_READ, self)
            self._serve(caller, selectors.EVENT_READ)  # at once: one that has asked is not evicted as idle

    def _make_way(self) -> bool:
        oldest = next((caller for caller in self._callers.values() if caller.asking), None)
        if oldest is not None:
            self._drop(oldest, "too many connections")
        return oldest is not None

    def _turn_away(self, caller: Caller, why: str) -> None:
        try:
            caller.reply(refusal(why), deadline=Deadline.after(0, self._clock))
        except ChannelClosed:
            events.Master.refused_caller_gone()
        caller.close()

    def _serve(self, caller: Caller, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                caller.flush()
                self._settle(caller)
            elif (call := caller.receive()) is not None:
                self._answer(caller, call)
        except (ProtocolError, ChannelClosed) as error:
            self._drop(caller, str(error))

    def _answer(self, caller: Caller, call: Call) -> None:
        request = Request(
            call,
            by=f"resqctl of user {caller.uid}",
            reply=partial(self._reply, caller),
            closed=lambda: caller.closed,
        )
        if (why := fault(call)) is not None:
            request.reply(refusal(why))
        else:
            self._requests.append(request)

    def _reply(self, caller: Caller, reply: Mapping[str, Any]) -> None:
        if caller.closed or caller.taking:
            return
        try:
            caller.reply(reply, deadline=Deadline.after(PATIENCE, self._clock))
        except ChannelClosed as error:
            self._drop(caller, str(error))
        else:
            self._settle(caller)

    def _settle(self, caller: Caller) -> None:
        """After a reply, or a part of it: wait until the client takes the rest, or end the connection."""
        if caller.taking:
            self._selector.modify(caller, selectors.EVENT_WRITE, self)
        else:
            self._drop(caller, "answered")

    def _drop(self, caller: Caller, why: str) -> None:
        if caller.closed:
            return
        events.Master.caller_left(why=why)
        del self._callers[caller.fileno()]
        self._selector.unregister(caller)
        caller.close()
