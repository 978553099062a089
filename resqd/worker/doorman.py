"""What lets blocks of running jobs' code hold limits: their slots stand beside the job in flight, as its own do."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

from resqd.errors import DirtyExit, JobDefinitionError, StoreError, StoreUnavailable
from resqd.store.gates import blocks
from resqd.store.gates.blocks import Answer
from resqd.store.gates.calls import Block, Gate
from resqd.store.inflight.tokens import token_text

if TYPE_CHECKING:
    from resqd.current import Doorman as AnyDoorman
    from resqd.job import Job
    from resqd.limits import Limit
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link
    from resqd.worker.interrupt import Slot

T = TypeVar("T")

LOOK_EVERY: Final = 0.25
"""Seconds after which who waits makes sure of its place, though nobody tells: also how late an interrupt is heard."""
AWAY: Final = 0.5
"""Seconds between two tries while Redis does not answer."""


class Doors:
    """The limits that the jobs of this worker may hold in blocks. Any thread may ask; each has a connection meanwhile.

    `using` is called before the first is held. `force`: they count, but wait for nothing. `closed`: the jobs are on
    another shard than the limits.
    """

    def __init__(
        self,
        *,
        connect: Callable[[], Link],
        keys: Keys,
        inflight: str,
        jobs: Mapping[str, Job[..., Any]],
        using: Callable[[], object],
        force: bool = False,
        closed: bool = False,
    ) -> None:
        self._closed = closed
        self._connect = connect
        self._keys = keys
        self.inflight = inflight
        self._jobs = jobs
        self.using = using
        self.force = force
        self._links: deque[Link] = deque()
        self._numbers = count(1)

    def doorman(
        self, slot: Slot, name: str, rule: Limit | None, within: Iterable[AnyDoorman]
    ) -> Doorman | None:
        """For a block of the job in a slot; None where that, or a block that this one is `within`, holds it already.

        Errors: JobDefinitionError.
        """
        job = self._jobs.get(slot.payload.job_class) if slot.payload else None
        if job is None or slot.payload is None:
            return None
        rule = rule or self._declared(name)
        gate = Gate(name, rule.definition if rule else "")
        if rule is not None and rule.by is not None:
            found = job.gauge_of([rule]).gates(slot.payload.args)
            if not found:
                return None  # the arguments say nothing of it
            [gate] = found
        own = job.gauge.gates(slot.payload.args) if job.gauge else ()
        holding = [
            each.gate.name for each in within if isinstance(each, Doorman) and each.token == slot.token
        ]
        if not gate.definition.startswith("r") and gate.name in {*holding, *(each.name for each in own)}:
            return None
        if self._closed:
            raise JobDefinitionError(
                f"{job.name} cannot hold {name} here, since limits are on the home shard: with any limit in the "
                "option limits= of its job it goes there"
            )
        self.using()
        block = Block(self.inflight, token_text(slot.token), next(self._numbers), gate)
        return Doorman(self, slot.token, block)

    def _declared(self, name: str) -> Limit | None:
        """The limit of that name which some job of this application is under."""
        gauges = (job.gauge for job in self._jobs.values() if job.gauge)
        return next((rule for gauge in gauges for own, rule in gauge.named if own == name), None)

    def on_link(self, act: Callable[[Link], T]) -> T:
        """What `act` returns, over a connection that nobody else uses meanwhile."""
        try:
            link = self._links.pop()
        except IndexError:
            link = self._connect()
        try:
            return act(link)
        finally:
            self._links.append(link)

    def enter(self, link: Link, block: Block) -> blocks.Entry:
        """Let a block in, or to its place in line."""
        return blocks.enter(link, self._keys, block, force=self.force)

    def wait(self, link: Link, block: Block, seconds: float) -> None:
        """Wait until it may be in."""
        blocks.wait(link, self._keys, block, seconds)

    def leave(self, link: Link, block: Block) -> None:
        """Let it out, and the next one in."""
        blocks.leave(link, self._keys, block)


class Doorman:
    """Lets one block of the job with a token hold a gate."""

    def __init__(self, doors: Doors, token: int, block: Block) -> None:
        self.token = token
        self.gate = block.gate
        self._doors = doors
        self._block = block
        self._process = os.getpid()

    def ask(self) -> float | None:
        """None: the block holds it; else in how many seconds to ask again at the latest.

        Errors: JobDefinitionError where nobody has defined the limit; DirtyExit where the job is in flight no more;
        a StoreError that a person must see to.
        """
        try:
            entry = self._doors.on_link(lambda link: self._doors.enter(link, self._block))
        except StoreUnavailable:
            return AWAY
        if entry.answer is Answer.UNKNOWN:
            name = self.gate.limit
            raise JobDefinitionError(
                f"no daemon knows a limit called {name}: say what it is, as in "
                f"resqd.limit({name!r}, resqd.Concurrency(5))"
            )
        if entry.answer is Answer.GONE:
            raise DirtyExit(
                "the job is in flight no more, so it can hold no limit; it has gone back to its queue"
            )
        if entry.answer is Answer.IN:
            return None
        return LOOK_EVERY if entry.due_in is None else min(LOOK_EVERY, entry.due_in)

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it may be held."""
        with suppress(StoreError):  # `ask` says what is wrong
            self._doors.on_link(lambda link: self._doors.wait(link, self._block, seconds))

    def leave(self) -> None:
        """The block ends, or waits no longer. What fails here is done with the end of the job, or its recovery.

        In a copy of the process that the job has forked it is not ours to end.
        """
        if os.getpid() == self._process:
            with suppress(StoreError):
                self._doors.on_link(lambda link: self._doors.leave(link, self._block))
