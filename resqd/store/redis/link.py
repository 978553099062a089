"""Lean connections for callers on any thread: what one enqueue costs is mostly what its client costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from resqd.errors import NotSent, StoreError, StoreRefused, StoreUnavailable
from resqd.store.redis.connection import Reply
from resqd.store.redis.discovery import REPLICAS, Finder, Located, Redirect
from resqd.store.redis.protocol import (
    Argument,
    PackedKeys,
    Script,
    ScriptCall,
    ServerError,
    judge,
    missing_keys,
    pack_command,
)
from resqd.store.redis.url import ConnectionConfig

T = TypeVar("T")
_CLAIM = Script.load("claim")

_OLDEST = (6, 2)
HOPS = 5
"""How often a command follows a Cluster's redirections; a node that does not know better sends us on once more."""
MOVING = 2.0
"""Seconds for which a transaction waits while its slot moves from node to node."""
_MOVING_PAUSE = 0.02
_MOVING_CODES = {"MOVED", "ASK", "TRYAGAIN"}


class Link:
    """One connection, owned by one thread: connects when needed, and drops itself on any I/O error.

    `admit`: refuse a server that is too old, at the cost of a round trip. `found_by` knows where the server is.
    """

    def __init__(
        self, config: ConnectionConfig, *, admit: bool = True, found_by: Finder | None = None
    ) -> None:
        self._server = Located(config, found_by=found_by)
        self._connection = self._server.connection
        self._follows = self._server.follows
        self.fails_over = config.discovery is not None
        """Whether another server may take over, which need not know all that this one has confirmed."""
        self._address = config.describe()
        self._hint = config.hint
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

    def run_one(self, call: ScriptCall) -> Reply:
        """As `run_script`, for scripts that are called one at a time and raise before they have changed anything."""
        reply = self._ask(call.packed, 1)
        return self.run_script(call) if isinstance(reply, ServerError) else reply

    def claim(self, lock: str, owner: str, seconds: int, *, daemons: str) -> bool:
        """Whether a lock that nobody held is this owner's now, for so many seconds; `daemons` is their hash's key."""
        return bool(self.run_script(ScriptCall(_CLAIM, PackedKeys.of(lock, daemons), (owner, seconds))))

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
        """What the last of `count` packed commands, an EXEC, answers; any error reply is raised as a StoreError.

        Where a Cluster moves the slot, nothing of it was carried out: it is sent again for up to MOVING seconds.
        """
        reply = self._ask(packed, count)
        if self._follows and isinstance(reply, ServerError):
            reply = self._ask_on(packed, count, reply)
        if isinstance(reply, ServerError):
            if isinstance(error := judge(reply), StoreUnavailable):
                self._lose()
                raise NotSent(str(error))
            self.close()
            raise error
        replies: list[Reply] = reply
        for one in replies:
            _good(one)
        return replies

    def _ask(self, packed: bytes, count: int) -> Reply:
        if not self._ready:
            self._connect()
        try:
            return self._connection.ask(packed, count)
        except OSError as error:
            raise self._broken(error) from error
        except BaseException:
            # Replies that nobody read would answer the next commands.
            self.close()
            raise

    def _ask_on(self, packed: bytes, count: int, reply: Reply) -> Reply:
        """The answer of the node that is responsible, which may have to get the slot's last keys first."""
        until = time.monotonic() + MOVING
        while isinstance(reply, ServerError) and reply.code in _MOVING_CODES and time.monotonic() < until:
            redirect = Redirect.of(reply)
            self.close()  # with the replies to the rest of the transaction, which is discarded
            if redirect is not None and redirect.moved:
                self._server.move(redirect)
            else:
                time.sleep(_MOVING_PAUSE)
            reply = self._ask(packed, count)
        return reply

    def stale(self) -> bool:
        """Whether the server has ended the connection since its last use: it says something without being asked."""
        return self._ready and self._connection.readable()

    def abort(self) -> None:
        """End what the owner waits for, from another thread: the server is found anew."""
        self._connection.abort()

    def close(self) -> None:
        """Drops the connection; the next use connects again."""
        self._ready = False
        self._connection.close()

    def _load_and_run(self, calls: Sequence[ScriptCall]) -> list[Reply]:
        scripts: dict[str, Script] = {call.script.sha1: call.script for call in calls}
        loads = [pack_command(("SCRIPT", "LOAD", script.source)) for script in scripts.values()]
        return self._exchange([call.packed for call in calls], loads)

    def _exchange(self, commands: list[bytes], loads: Sequence[bytes] = ()) -> list[Reply]:
        """The replies to commands that concern keys; `loads` go before them and answer nothing of interest."""
        replies = self._send_and_read([*loads, *commands])[len(loads) :]
        if self._follows:
            replies = self._follow(commands, list(loads), replies)
        if any(
            isinstance(reply, ServerError) and isinstance(judge(reply), StoreUnavailable) for reply in replies
        ):
            # A server that cannot answer now may have been replaced by another, at the same address or elsewhere.
            self._lose()
        return replies

    def _follow(self, commands: list[bytes], loads: list[bytes], replies: list[Reply]) -> list[Reply]:
        """The replies, with those of the commands that a Cluster's node did not carry out taken where it sends us."""
        for _ in range(HOPS):
            redirects = [(i, found) for i, reply in enumerate(replies) if (found := Redirect.of(reply))]
            if not redirects:
                break
            redirect = next((found for _, found in redirects if found.moved), redirects[0][1])
            sent_on = [i for i, found in redirects if found == redirect]
            again = [commands[i] for i in sent_on]
            if redirect.moved:
                self._ready = False
                self._server.move(redirect)
                answers = self._send_and_read([*loads, *again])[len(loads) :]
            else:
                answers = self._server.ask(redirect, loads, again)
            for i, answer in zip(sent_on, answers, strict=True):
                replies[i] = answer
        return replies

    def _send_and_read(self, commands: Sequence[bytes]) -> list[Reply]:
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
        return replies

    def _lose(self) -> None:
        self._ready = False
        self._server.lost()

    def _broken(self, error: OSError) -> StoreUnavailable:
        self._lose()
        return StoreUnavailable(f"Redis at {self._address} does not answer: {error}{self._hint}")

    def _connect(self) -> None:
        hello = self._server.connect(*self._greeting)
        try:
            for reply in hello:
                _admit(reply, follows=self._follows)
        except StoreError as error:
            self.close()
            raise self._connection.named(error) from error
        self._ready = True


def _good(reply: Reply) -> Reply:
    if isinstance(reply, ServerError):
        raise judge(reply)
    return reply


def _admit(hello: Reply, *, follows: bool) -> None:
    """Let a server be used, by its reply to HELLO; `follows`: it is taken for a Cluster's node. Errors: StoreError."""
    if isinstance(hello, ServerError):
        if hello.code == "NOPERM":
            return  # a user who may not ask for the version may still do all that we need
        raise judge(hello)
    facts = dict(zip(hello[::2], hello[1::2], strict=False))
    version = facts.get(b"version", b"").decode("ascii", "replace")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _OLDEST:
        raise StoreRefused(f"version {version} is too old, resqd needs 6.2 or newer")
    mode, role = facts.get(b"mode"), facts.get(b"role")
    if mode == b"sentinel":
        raise StoreRefused(
            "this is a Sentinel; give REDIS_URL=redis+sentinel://HOST:PORT,HOST:PORT/NAME, with the master's name"
        )
    if mode == b"cluster" and not follows:
        raise StoreRefused("this is a node of a Cluster; give REDIS_URL=redis+cluster://HOST:PORT,HOST:PORT")
    if mode == b"standalone" and follows:
        raise StoreRefused("this is no Cluster; give REDIS_URL=redis://HOST:PORT")
    if role in REPLICAS and not follows:
        raise StoreUnavailable("this is a replica, which takes no writes; waiting for it to be promoted")
