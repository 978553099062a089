"""Giving the fleet to the program that replaces this one in place, and taking it from the one before."""

from __future__ import annotations

import os

from resqd.master import handover
from resqd.master.children import Nursery
from resqd.master.commands.handlers import Desk
from resqd.master.commands.server import ControlServer
from resqd.master.commands.steering import Helm
from resqd.master.handover import Handover
from resqd.master.inbox import Inbox
from resqd.master.ledger import Ledger
from resqd.master.lock import DaemonLock
from resqd.master.plan import Fleet
from resqd.master.spawner import Spawner
from resqd.wire.doorbell import Bell


class Succession:
    """Knows every part of the master that outlives a reload."""

    def __init__(
        self,
        *,
        epoch: str,
        spawner: Spawner,
        desk: Desk,
        helm: Helm,
        fleet: Fleet,
        ledger: Ledger,
        inbox: Inbox,
        lock: DaemonLock,
        server: ControlServer,
        bell: Bell,
        held: tuple[int, ...],
        last_exits: dict[int, str],
    ) -> None:
        self._epoch = epoch
        self._spawner = spawner
        self._desk = desk
        self._helm = helm
        self._fleet = fleet
        self._ledger = ledger
        self._inbox = inbox
        self._lock = lock
        self._server = server
        self._bell = bell
        self._held = held
        self._last_exits = last_exits

    def hand_over(self) -> int:
        """Make all descriptors that live on inheritable; the descriptor of the saved handover."""
        children = [handover.describe(child) for child in self._fleet.children]
        kept = [*self._bell.descriptors, *self._held]
        for facts in children:
            kept += [facts["channel"], facts["page"]]
        for descriptor in kept:
            os.set_inheritable(descriptor, True)
        return handover.save(
            Handover(
                epoch=self._epoch,
                forks=self._spawner.forks,
                started=self._desk.started,
                commanded=self._helm.commanded.value,
                last_exits=self._last_exits,
                redis=(self._inbox.redis, self._inbox.redis_since),
                suspects=self._fleet.suspects,
                worker_count=self._fleet.worker_count,
                past=self._ledger.past,
                lock=self._lock.hand_over(),
                listener=self._server.hand_over(),
                socket_file=self._server.bound,
                bell=self._bell.descriptors,
                held=self._held,
                deaths=tuple(self._inbox.deaths.values()),
                children=tuple(children),
            )
        )

    def take_over(self, inherited: Handover, *, nursery: Nursery, now: float) -> None:
        """Adopt the children of the program before; its listening socket is served already."""
        self._inbox.deaths.update({death.fork: death for death in inherited.deaths})
        self._fleet.unsettled = bool(inherited.deaths)
        self._fleet.suspects = inherited.suspects
        self._inbox.redis, self._inbox.redis_since = inherited.redis
        self._last_exits.update(inherited.last_exits)
        for facts in inherited.children:
            child = handover.adopt(facts, now)
            nursery.adopt(child)
            self._ledger.report(child.fork, child.stats)
        for descriptor in (*inherited.bell, *inherited.held):
            os.set_inheritable(descriptor, False)
