"""Births and deaths: forks what the plan asks for, buries what the reaper finds, and tells the housekeeper."""

from __future__ import annotations

import logging
import selectors
from collections import defaultdict
from collections.abc import Callable

from resqd.clock import Clock
from resqd.master.child import Child
from resqd.master.deaths import (
    THREADLESS,
    YOUNG,
    Exit,
    Strangers,
    death,
    died_at_boot,
    epitaph,
    in_order,
    reap,
)
from resqd.master.inbox import Inbox
from resqd.master.ledger import Ledger
from resqd.master.plan import Fleet, Fork
from resqd.master.spawner import Spawner
from resqd.wire.birth import Kind
from resqd.wire.doorbell import Bell
from resqd.wire.messages import Alive

FIRST = 1.0
MOST = 30.0
"""Seconds: the first and the longest pause."""


class Respawn:
    """The growing pause before a child that keeps dying at boot is forked again, for one place."""

    def __init__(self) -> None:
        self._pause = 0.0

    def failed(self) -> float:
        """The pause after one more death at boot, in seconds: 1, 2, 4 … 30."""
        self._pause = min(MOST, self._pause * 2 or FIRST)
        return self._pause

    def good(self) -> None:
        """Note a child that booted."""
        self._pause = 0.0


_log = logging.getLogger(__name__)

SETTLE_MOST = 5.0
"""Seconds that a leaving daemon waits until dead workers' jobs are back; after it, the next start recovers them."""
FORK_AGAIN = 0.5
"""Seconds until the next try after the system had no process, memory or descriptor left for a child."""
ALIVE_EVERY = 10.0
"""Seconds between two accounts of the living to the housekeeper while nobody has died."""


class Nursery:
    """Owns the fleet's list of children. `fleet.children` changes here and nowhere else."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        spawner: Spawner,
        ledger: Ledger,
        bell: Bell,
        selector: selectors.BaseSelector,
        before_fork: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.last_exits: dict[int, str] = {}
        """How the last worker of each place ended."""
        self.inbox: Inbox | None = None
        self._fleet = fleet
        self._spawner = spawner
        self._ledger = ledger
        self._bell = bell
        self._selector = selector
        self._before_fork = before_fork
        self._clock = clock
        self._children: list[Child] = []
        self._respawns: defaultdict[tuple[Kind, int], Respawn] = defaultdict(Respawn)
        self._alive_at = 0.0
        self._strangers = Strangers()
        fleet.children = self._children

    def descriptors(self) -> list[int]:
        """What a forked child must close: the master's ends of all channels, and all pages."""
        return [descriptor for c in self._children for descriptor in (c.channel.fileno(), c.page.descriptor)]

    def fork(self, order: Fork) -> None:
        """Fork a child. A system without room for one makes the place wait; the others go on."""
        if order.kind is not Kind.HOUSEKEEPER:
            self._before_fork()
        try:
            child = self._spawner.spawn(
                kind=order.kind,
                index=order.index,
                state=self._fleet.intent.value,
                slots=order.slots,
                pace=self._fleet.paces.get(order.index, 0.0) if order.kind is Kind.WORKER else 0.0,
                quotas=order.quotas,
            )
        except OSError as error:
            said = f"cannot fork a {order.kind.value}: {error.strerror}"
            _log.error("%s; trying again in %g s", said, FORK_AGAIN)
            self._fleet.ready_at[order.kind, order.index] = self._clock() + FORK_AGAIN
            if order.kind is Kind.WORKER:
                self.last_exits[order.index] = said
            return
        self._children.append(child)
        self._selector.register(child.channel, selectors.EVENT_READ, child)
        if child.kind is Kind.PROBATION:
            self._fleet.suspects -= 1  # it takes one; the housekeeper's next count may be older than that
        _log.debug("forked %s", child.label)

    def adopt(self, child: Child) -> None:
        """Take over a child that this process forked before it execed itself."""
        self._children.append(child)
        self._selector.register(child.channel, selectors.EVENT_READ, child)

    def booted(self, child: Child) -> None:
        """A child is ready. A new housekeeper is told of the living at once: its predecessor may not have acted."""
        if child.kind is Kind.HOUSEKEEPER:
            self._alive_at = 0.0

    def reap(self) -> None:
        """Bury the children that have died. Their last messages are read first: a good-bye may be among them."""
        for end in reap([child.pid for child in self._children]):
            child = next(child for child in self._children if child.pid == end.pid)
            self.hear(child)
            self._bury(child, end)

    def reap_strangers(self, now: float) -> None:
        """In a container, and wherever else orphans come to this process, leave no zombies of jobs' processes."""
        if count := self._strangers.reap({child.pid for child in self._children}, now):
            _log.debug("reaped %d processes that jobs had left behind", count)

    def hear(self, child: Child) -> None:
        """Read what a child has sent; its end of file says nothing that the reaper does not say better."""
        from_child = child.receive()
        if from_child is None:
            self._deafen(child)
            child.deaf_at = child.deaf_at or self._clock()
        for message in from_child or ():
            if self.inbox is not None:
                self.inbox.take(child, message)

    def tell_alive(self, now: float) -> None:
        """Tell the housekeeper who lives and who died how: at once after a death, else every ALIVE_EVERY."""
        fleet = self._fleet
        fleet.settle_by = (fleet.settle_by or now + SETTLE_MOST) if fleet.unsettled else None
        if (now < self._alive_at and not fleet.recount) or self.inbox is None:
            return
        workers = tuple(child.fork for child in self._children if child.working)
        alive = Alive(self._spawner.forks, workers, tuple(self.inbox.deaths.values()))
        for child in self._children:
            if not child.working and child.booted:
                child.channel.send(alive)
                self._alive_at = now + ALIVE_EVERY
                fleet.recount = False

    @property
    def alive_at(self) -> float | None:
        """When `tell_alive` has something to do; None while nobody can be told."""
        listening = any(not child.working and child.booted for child in self._children)
        return self._alive_at if listening else None

    def _deafen(self, child: Child) -> None:
        if child.channel.fileno() in self._selector.get_map():
            self._selector.unregister(child.channel)

    def _bury(self, child: Child, end: Exit) -> None:
        now = self._clock()
        said = epitaph(child, end, lived=now - child.born)
        (_log.debug if in_order(child, end) else _log.warning)("%s", said)
        place = (child.kind, child.index)
        if child.kind is Kind.WORKER:
            self.last_exits[child.index] = said
        if child.kind is Kind.PROBATION:
            self._alive_at = 0.0  # the housekeeper counts the suspects again
            self._fleet.done.clear()  # what ran may have filled queues that a burst found empty
        if died_at_boot(child, end, lived=now - child.born):
            pause = self._respawns[place].failed()
            self._fleet.ready_at[place] = now + pause
            how = "could start no thread" if child.exiting == THREADLESS else "died at boot"
            _log.error("%s %s; next try in %g s", child.label, how, pause)
        elif now - child.born >= YOUNG or in_order(child, end):
            self._respawns[place].good()
        self._mourn(child, end)
        self._deafen(child)
        self._children.remove(child)
        self._ledger.buried(child.fork)
        if self.inbox is not None:
            self.inbox.buried(child)
        self._hush(child)
        child.channel.close()
        child.page.close()

    def _hush(self, child: Child) -> None:
        """Nobody may rely on a dead housekeeper's bell; a worker that died idle may have taken a ring with it."""
        if child.kind is Kind.HOUSEKEEPER:
            self._bell.fail()
        elif self._bell.set_idle(child.fork, idle=False) and self._bell.any_idle() and not self._bell.pending:
            self._bell.ring()

    def _mourn(self, child: Child, end: Exit) -> None:
        last_words = death(child, end)
        if last_words is not None and self.inbox is not None:
            self.inbox.deaths[child.fork] = last_words
            self._fleet.unsettled = True
            self._alive_at = 0.0
