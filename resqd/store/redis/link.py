"""Lean connections for callers on any thread: what one enqueue costs is mostly what its client costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.store.redis.connection import Connection, Reply
from resqd.store.redis.protocol import (
    Argument,
    Script,
    ScriptCall,
    ServerError,
    judge,
    missing_keys,
    pack_command,
)
from resqd.store.redis.url import ConnectionConfig

_OLDEST = (6, 2)


class Link:
    """One connection, owned by one thread: connects when needed, and drops itself on any I/O error.

    `admit`: refuse a server that is too old, at the cost of a round trip.
    """

    def __init__(self, config: ConnectionConfig, *, admit: bool = True) -> None:
        self._connection = Connection(config)
        self._address = config.describe()
        self._greeting = (("HELLO", 2),) if admit else ()
        self._ready = False

    def pipeline(self, commands: Sequence[Sequence[Argument]]) -> list[Reply]:
        """Sends all commands in one write and reads their replies, in order; an error reply stands in its place.

        Raises StoreUnavailable when the connection broke (then any of the commands may or may not have run),
        and StoreRefused when the server does not let us in.
        """
        return self._exchange([pack_command(command) for command in commands])

    def call(self, *command: Argument) -> Reply:
        """The reply to one command; an error reply is raised as the StoreError that it means."""
        return _good(self.pipeline([command])[0])

    def run_scripts(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        """Runs scripts in one pipeline, as `pipeline` does; what the server does not know is loaded and rerun."""
        replies = self._exchange([call.packed for call in calls])
        unknown = [
            i
            for i, reply in enumerate(replies)
            if isinstance(reply, ServerError) and reply.code == "NOSCRIPT"
        ]
        if unknown:
            for i, reply in zip(unknown, self._load_and_run([calls[i] for i in unknown]), strict=True):
                replies[i] = reply
        return replies

    def run_script(self, call: ScriptCall) -> Reply:
        """The reply to one script; an error reply is raised as the StoreError that it means."""
        return _good(self.run_scripts([call])[0])

    def run_naming(
        self, call: Callable[[Sequence[str | bytes]], ScriptCall], keys: Sequence[str | bytes] = ()
    ) -> Reply:
        """As `run_script`, for a script that says which keys it misses: it is called again with these, too.

        `keys` are a guess, which saves a round trip where it is right.
        """
        named = list(keys)
        while missing := missing_keys(reply := self.run_script(call(named))):
            named += missing
        return reply

    def transact(self, packed: bytes, count: int) -> list[Reply]:
        """What the last of `count` packed commands, an EXEC, answers; any error reply is raised as a StoreError."""
        if not self._ready:
            self._connect()
        try:
            reply = self._connection.ask(packed, count)
        except OSError as error:
            raise self._broken(error) from error
        except BaseException:
            # Replies that nobody read would answer the next commands.
            self.close()
            raise
        if isinstance(reply, ServerError):
            self.close()
            raise judge(reply)
        replies: list[Reply] = reply
        for one in replies:
            _good(one)
        return replies

    def stale(self) -> bool:
        """Whether the server has ended the connection since its last use: it says something without being asked."""
        return self._ready and self._connection.readable()

    def close(self) -> None:
        """Drops the connection; the next use connects again."""
        self._ready = False
        self._connection.close()

    def _load_and_run(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        scripts: dict[str, Script] = {call.script.sha1: call.script for call in calls}
        loads = [pack_command(("SCRIPT", "LOAD", script.source)) for script in scripts.values()]
        return self._exchange(loads + [call.packed for call in calls])[len(loads) :]

    def _exchange(self, commands: list[bytes]) -> list[Reply]:
        if not self._ready:
            self._connect()
        connection = self._connection
        try:
            connection.send(b"".join(commands))
            replies = [connection.read() for _ in commands]
        except OSError as error:
            raise self._broken(error) from error
        except BaseException:
            self.close()
            raise
        if any(
            isinstance(reply, ServerError) and isinstance(judge(reply), StoreUnavailable) for reply in replies
        ):
            # A server that cannot answer now may have been replaced by another at the same address.
            self.close()
        return replies

    def _broken(self, error: OSError) -> StoreUnavailable:
        self.close()
        return StoreUnavailable(f"Redis at {self._address} does not answer: {error}")

    def _connect(self) -> None:
        hello = self._connection.connect(*self._greeting)
        try:
            for reply in hello:
                _admit(reply)
        except StoreError as error:
            self.close()
            raise self._connection.named(error) from error
        self._ready = True


def _good(reply: Reply) -> Reply:
    if isinstance(reply, ServerError):
        raise judge(reply)
    return reply


def _admit(hello: Reply) -> None:
    """Let a server be used, by its reply to HELLO. Errors: StoreError."""
    if isinstance(hello, ServerError):
        if hello.code == "NOPERM":
            return  # a user who may not ask for the version may still do all that we need
        raise judge(hello)
    facts = dict(zip(hello[::2], hello[1::2], strict=False))
    version = facts.get(b"version", b"").decode("ascii", "replace")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _OLDEST:
        raise StoreRefused(f"version {version} is too old, resqd needs 6.2 or newer")


KEPT = 16
"""Free links that are kept: a burst of callers at once leaves no more sockets behind."""


class Links:
    """Lends a free link to each call, and opens one more where none is free. A fork gives the child its own."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._free: list[Link] = []
        self._pid = os.getpid()

    def transact(self, packed: bytes, count: int) -> list[Reply]:
        """As Link.transact. Errors: StoreError; then the commands may have run, and are not repeated."""
        link = self._take()
        replies = link.transact(packed, count)
        if len(self._free) < KEPT:
            self._free.append(link)  # not after an error: that link is dropped with its unread replies
        else:
            link.close()
        return replies

    def close(self) -> None:
        """Drop the free links; the next use opens new ones."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> Link:
        if self._pid != os.getpid():
            self._free, self._pid = [], os.getpid()
        try:
            link = self._free.pop()
        except IndexError:
            return Link(self._config, admit=False)
        if link.stale():
            link.close()
        return link
