"""resqctl's end of the control socket: where a daemon is, one call with its reply, and waiting for a daemon's end."""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import click

from resqd.cli.output import Talking, report, report_problems
from resqd.clock import Deadline
from resqd.errors import ResqdError
from resqd.folders import runtime_folder
from resqd.wire.requests import Call, ReplyDecoder, encode_call

Status = dict[str, Any]
"""What a daemon says of itself."""

ANSWER_TIMEOUT = 5.0
"""Seconds for a command that the daemon answers at once."""
POLL_PAUSE = 0.2
"""Seconds between two looks at the daemon's status."""

_READ_SIZE = 256 * 1024
_FAILED = 1


class CallError(ResqdError):
    """A call that was not done; `status` is resqctl's exit status for it."""

    status: ClassVar[int] = 1


class NoDaemonError(CallError):
    """No daemon listens."""

    status = 3


class RefusedError(CallError):
    """The daemon, or the system, does not want to."""


class TimedOutError(CallError):
    """There was no answer in time."""


class DisconnectedError(CallError):
    """The daemon ended, or executed itself anew, before it answered."""


def candidates(name: str, environ: Mapping[str, str]) -> list[Path]:
    """Where the socket of the daemon `name` may be, own daemons before the system's.

    A folder in a place where anybody may make one, such as /tmp, counts only where it is ours.
    """
    folders = [
        runtime_folder(environ),
        runtime_folder({}),
        Path("/run/resqd"),
        Path(f"/run/resqd-{name}"),
    ]
    return [folder / f"{name}.sock" for folder in dict.fromkeys(folders) if _trusted(folder)]


def _trusted(folder: Path) -> bool:
    try:
        return folder.lstat().st_uid == os.geteuid() or not folder.parent.stat().st_mode & stat.S_IWOTH
    except OSError:
        return True  # there is nothing; connecting will say so


class Client:
    """Calls the daemon that listens on the first of `paths` where one does."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def call(self, command: str, *, timeout: float, **arguments: str | int) -> dict[str, Any]:
        """The daemon's reply, within `timeout` seconds.

        Errors: NoDaemonError, TimedOutError, DisconnectedError, RefusedError with the daemon's reason, ProtocolError.
        """
        deadline = Deadline.after(timeout)
        with self._connected(deadline) as sock:
            reply = _exchange(sock, encode_call(Call(command, dict(arguments))), deadline)
        if not reply["ok"]:
            raise RefusedError(str(reply.get("error", "the daemon refused and gave no reason")))
        return reply

    def _connected(self, deadline: Deadline) -> socket.socket:
        for path in self._paths:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                _connect(sock, path, deadline)
            except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
                sock.close()
            except BlockingIOError:
                sock.close()
                raise TimedOutError(f"the daemon at {path} does not accept connections") from None
            except OSError as error:
                sock.close()
                raise RefusedError(f"cannot connect to {path}: {error.strerror or error}") from error
            else:
                return sock
        places = " or ".join(str(path) for path in self._paths)
        raise NoDaemonError(f"no daemon listens at {places}; `resqd start` starts one")


def _connect(sock: socket.socket, path: Path, deadline: Deadline) -> None:
    """Connect, waiting for room in the daemon's backlog: a socket with Python's timeout would not wait there."""
    seconds = max(deadline.remaining(), 0.001)
    patience = struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    sock.connect(os.fspath(path))


def _exchange(sock: socket.socket, call: bytes, deadline: Deadline) -> dict[str, Any]:
    decoder = ReplyDecoder()
    try:
        sock.settimeout(max(deadline.remaining(), 0.001))
        with suppress(BrokenPipeError):  # a daemon that refuses us has answered already, without reading
            sock.sendall(call)
        while True:
            sock.settimeout(max(deadline.remaining(), 0.001))
            data = sock.recv(_READ_SIZE)
            if not data:
                raise DisconnectedError("the daemon closed the connection without an answer")
            if (reply := decoder.feed(data)) is not None:
                return reply
    except TimeoutError:
        raise TimedOutError("the daemon did not answer in time") from None
    except ConnectionError as error:
        raise DisconnectedError(f"the daemon closed the connection: {error.strerror}") from error


class Session:
    """One run of resqctl: the daemon that it talks to, and how it shows what comes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.json = False

    def call(
        self, command: str, *, timeout: float = ANSWER_TIMEOUT, **arguments: str | int
    ) -> dict[str, Any]:
        """The daemon's reply."""
        return self._client.call(command, timeout=timeout, **arguments)

    def status(self) -> Status:
        """The daemon's status."""
        return dict(self.call("status")["status"])

    def poll(self) -> Status | None:
        """The daemon's status, None when it is gone."""
        while True:
            try:
                return self.status()
            except NoDaemonError:
                return None
            except DisconnectedError:
                time.sleep(0.05)  # it is ending, or executing itself anew: the next try tells which

    def say(self, reply: dict[str, Any], line: str) -> None:
        """Report what the daemon did: its reply as JSON, or its own message, or `line`."""
        report(json.dumps(reply) if self.json else reply.get("message", line))

    def show(self, reply: dict[str, Any], text: str) -> None:
        """Show what was asked for, as JSON or as `text`."""
        click.echo(json.dumps(reply) if self.json else text)

    def fail(self, line: str) -> NoReturn:
        """End with status 1, for the reason in `line`."""
        raise RefusedError(line)


def _take_json(context: click.Context, _parameter: click.Parameter, chosen: bool) -> None:
    session = context.find_object(Session)
    if session is not None:  # none while a shell completes the command
        session.json = chosen


as_json = click.option(
    "--json", is_flag=True, expose_value=False, callback=_take_json, help="Answer in JSON."
)
"""Gives a command of resqctl the option --json."""


class Steering(Talking):
    """A group whose commands end with the status of what went wrong, and one line about it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ResqdError as error:
            report_problems([str(error)], in_json=isinstance(ctx.obj, Session) and ctx.obj.json)
            ctx.exit(error.status if isinstance(error, CallError) else _FAILED)


class Ending(Enum):
    """How the wait ended."""

    GONE = "gone"
    KILLED = "killed"
    RESUMED = "resumed"
    TIMED_OUT = "timed out"


def follow(
    poll: Callable[[], Status | None],
    *,
    pid: int,
    deadline: Deadline | None,
    show: Callable[[Status], None],
    sleep: Callable[[float], None],
) -> Ending:
    """Wait for the end of the daemon `pid`; `poll` gives its status, or None when no daemon answers.

    KILLED means that it is gone and that jobs were stopped on its way. A daemon with another pid is a
    successor.
    """
    killed = False
    while (status := poll()) is not None and status["pid"] == pid:
        if status["state"] in ("running", "paused"):
            return Ending.RESUMED
        killed = killed or (status["state"] == "stopping" and bool(jobs_in(status)))
        show(status)
        if deadline is not None and deadline.expired():
            return Ending.TIMED_OUT
        sleep(POLL_PAUSE)
    return Ending.KILLED if killed else Ending.GONE


def jobs_in(status: Status) -> list[dict[str, Any]]:
    """The jobs that run, the longest running first."""
    threads = [thread for worker in status.get("workers", ()) for thread in worker.get("threads", ())]
    jobs = [thread["job"] for thread in threads if thread.get("job")]
    return sorted(jobs, key=lambda job: -float(job.get("running_s", 0)))
