"""Births and deaths: forks what the plan asks for, buries what has died, and tells the housekeeper of both."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from resqd import events
from resqd.clock import Clock
from resqd.log import flush_streams
from resqd.master import signals
from resqd.master.child import Child
from resqd.master.deaths import THREADLESS, YOUNG, Exit, death, died_at_boot, epitaph, in_order, reap, reason
from resqd.master.fleet import Fleet
from resqd.master.plan import Fork
from resqd.wire.birth import Birth, Kind, Page, shard_of
from resqd.wire.channel import Channel
from resqd.wire.doorbell import Bells
from resqd.wire.intent import Intent
from resqd.wire.messages import Alive, Exiting

Entry = Callable[[Birth], int]
"""What a child runs: it returns the process's exit status."""
LAST_WORDS = 500
"""The most characters of an error that `status` shows."""
CRASHED = 70
"""Exit status of a child whose code raised (EX_SOFTWARE of sysexits.h)."""
SETTLE_MOST = 5.0
"""Seconds that a leaving daemon waits until dead workers' jobs are back; after it, the next start recovers them."""
FORK_AGAIN = 0.5
"""Seconds until the next try after the system had no process, memory or descriptor left for a child."""
ALIVE_EVERY = 10.0
"""Seconds between two accounts of the living to the housekeeper while nobody has died."""


class Spawner:
    """The only place that forks. `descriptors` give the master's own descriptors, which no child may keep."""

    def __init__(
        self,
        *,
        entries: Mapping[Kind, Entry],
        epoch: str,
        bells: Bells,
        threads: int,
        descriptors: Iterable[Callable[[], Iterable[int]]],
        clock: Clock,
    ) -> None:
        self._entries = entries
        self._epoch = epoch
        self._bells = bells
        self._threads = threads
        self._descriptors = descriptors
        self._clock = clock

    def spawn(
        self,
        order: Fork,
        *,
        fork: int,
        state: Intent,
        pace: float,
        paused_queues: tuple[str, ...] | None = None,
    ) -> Child:
        """Fork child number `fork`. Errors: OSError when the system has no process, memory or descriptor left."""
        shard = shard_of(order.kind, order.index, len(self._bells.each))
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.callback(theirs.close)
            on_failure = undo.enter_context(contextlib.ExitStack())
            on_failure.callback(ours.close)
            page = Page(1 if order.kind is Kind.PROBATION else self._threads)
            on_failure.callback(page.close)
            birth = Birth(
                kind=order.kind,
                index=order.index,
                fork=fork,
                epoch=self._epoch,
                master_pid=os.getpid(),
                state=state.value,
                slots=order.slots,
                pace=pace,
                quotas=order.quotas,
                channel=Channel(theirs),
                page=page,
                bell=self._bells.each[shard],
                paused_queues=paused_queues,
                shard=shard,
                bells=self._bells,
            )
            pid = self._fork(birth, ours)
            on_failure.pop_all()
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
            for owned in self._descriptors:
                for descriptor in owned():
                    os.close(descriptor)
            status = self._entries[birth.kind](birth)
        except BaseException as error:  # noqa: BLE001 - the process's top: said, then the process ends
            events.Master.child_crashed(kind=birth.kind.value)
            birth.channel.send(Exiting(f"{type(error).__name__}: {error}"[:LAST_WORDS]))
        finally:
            flush_streams()
            os._exit(status)


class Processes:
    """The fleet's child processes. `fleet.children` changes here and nowhere else."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        spawner: Spawner,
        bells: Bells,
        selector: selectors.BaseSelector,
        before_fork: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._fleet = fleet
        self._spawner = spawner
        self._bells = bells
        self._selector = selector
        self._before_fork = before_fork
        self._clock = clock

    def start(self) -> None:
        """Listen to the children that the program before this one forked."""
        for child in self._fleet.children:
            self._listen(child)

    def fork(self, order: Fork) -> None:
        """Fork a child. A system without room for one makes the place wait; the others go on."""
        fleet = self._fleet
        if order.kind is not Kind.HOUSEKEEPER:
            self._before_fork()
        pace = fleet.places.paces.get(order.index, 0.0) if order.kind is Kind.WORKER else 0.0
        try:
            child = self._spawner.spawn(
                order,
                fork=fleet.forks + 1,
                state=fleet.intent,
                pace=pace,
                paused_queues=fleet.paused_queues,
            )
        except OSError as error:
            self._put_off(order, f"cannot fork a {order.kind.value}: {error.strerror}")
            return
        fleet.forks = child.fork
        fleet.children.append(child)
        self._listen(child)
        if child.kind is Kind.PROBATION:
            fleet.suspects.take(
                self._shard(child)
            )  # it takes one; the housekeeper's next count may be older than that
        events.Master.forked(child=child.label)

    def _put_off(self, order: Fork, why: str) -> None:
        events.Master.fork_failed(why=why, seconds=FORK_AGAIN)
        self._fleet.places.ready_at[order.kind, order.index] = self._clock() + FORK_AGAIN
        if order.kind is Kind.WORKER:
            self._fleet.places.last_exits[order.index] = why

    def dead(self) -> list[tuple[Child, Exit]]:
        """The children that have died and are to be buried, once their last messages are read."""
        by_pid = {child.pid: child for child in self._fleet.children}
        return [(by_pid[end.pid], end) for end in reap(by_pid)]

    def bury(self, child: Child, end: Exit) -> None:
        """Keep what a dead child leaves: how it ended, what it has done, and its jobs for recovery."""
        now, fleet = self._clock(), self._fleet
        self._mourn(child, end, now)
        if (last_words := death(child, end)) is not None:
            fleet.losses.deaths[child.fork] = replace(last_words, shard=self._shard(child))
            fleet.losses.tell_at = 0.0
        self.deafen(child)
        fleet.children.remove(child)
        fleet.ledger.buried(child.fork)
        fleet.redis.forget(child.fork)
        self._hush(child)
        child.channel.close()
        child.page.close()

    def deafen(self, child: Child) -> None:
        """Listen to a child no more: its channel is at its end."""
        if child.channel.fileno() in self._selector.get_map():
            self._selector.unregister(child.channel)

    def look_at_channels(self) -> None:
        """Wait for children to take what they have not taken yet."""
        for child in self._fleet.children:
            key = self._selector.get_map().get(child.channel.fileno())
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.channel.pending else 0)
            if key is not None and key.events != wanted:
                self._selector.modify(child.channel, wanted, child)

    def tell_alive(self, now: float) -> None:
        """Tell the housekeeper who lives and who died how: at once after a death, else every ALIVE_EVERY."""
        fleet, losses = self._fleet, self._fleet.losses
        losses.settle_by = (losses.settle_by or now + SETTLE_MOST) if losses.deaths else None
        if now < losses.tell_at:
            return
        workers = tuple(child.fork for child in fleet.working())
        alive = Alive(fleet.forks, workers, tuple(losses.deaths.values()))
        for child in fleet.children:
            if not child.working and child.life.booted:
                if not fleet.farewells.tell(child):
                    return  # first it must know what those have ended that are dead by this account
                child.channel.send(alive)
                losses.tell_at = now + ALIVE_EVERY

    def next_at(self) -> float | None:
        """When `tell_alive` has something to do; None while nobody can be told."""
        listening = any(not child.working and child.life.booted for child in self._fleet.children)
        return self._fleet.losses.tell_at if listening else None

    def _listen(self, child: Child) -> None:
        self._selector.register(child.channel, selectors.EVENT_READ, child)

    def _mourn(self, child: Child, end: Exit, now: float) -> None:
        """Say how it ended, and let its place wait where the next child would end as soon."""
        places, lived = self._fleet.places, now - child.identity.born
        said = epitaph(child, end, lived=lived)
        (events.Master.left if in_order(child, end) else events.Master.died)(said=said)
        if child.kind is Kind.WORKER:
            places.last_exits[child.index] = said
            places.exits[reason(child, end)] += 1
        if child.kind is Kind.PROBATION:
            self._fleet.losses.tell_at = 0.0  # the housekeeper counts the suspects again
            places.done.clear()  # what ran may have filled queues that a burst found empty
        if died_at_boot(child, end, lived=lived):
            pause = places.failed(child.kind, child.index, now)
            how = "could start no thread" if child.life.exiting == THREADLESS else "died at boot"
            events.Master.place_waits(child=child.label, how=how, seconds=pause)
        elif lived >= YOUNG or in_order(child, end):
            places.fared_well(child.kind, child.index)

    def _hush(self, child: Child) -> None:
        """Nobody may rely on a dead housekeeper's bell; a worker that died idle may have taken a ring with it."""
        if child.kind is Kind.HOUSEKEEPER:
            self._bells.fail()
            return
        bell = self._bells.each[self._shard(child)]
        if bell.set_idle(child.fork, idle=False) and bell.any_idle() and not bell.pending:
            bell.ring()

    def _shard(self, child: Child) -> int:
        return shard_of(child.kind, child.index, len(self._bells.each))
