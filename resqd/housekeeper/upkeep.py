"""The duties of every daemon: the heartbeat, the watch over others, recovery, the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from resqd import events
from resqd.aftermath import Aftermath
from resqd.clock import monotonic
from resqd.housekeeper.farewells import Farewells
from resqd.housekeeper.house import House
from resqd.housekeeper.inquest import Culprits, Inquest
from resqd.housekeeper.keeper import ONCE, Duty, check_up
from resqd.housekeeper.orphans import MARGIN, Orphans
from resqd.housekeeper.recovery import FOLLOW_EVERY, Hosts, Recoverer, Stillness
from resqd.housekeeper.registry import PUBLISH_EVERY, Pruner, Publisher, register_every
from resqd.housekeeper.remote import Remote
from resqd.store.batches.batches import Batches
from resqd.store.inflight.incarnation import life
from resqd.store.inflight.recovery import Recovery
from resqd.store.keys import Keys
from resqd.store.resque.acts import Judge
from resqd.store.resque.knowers import Knowers
from resqd.store.resque.registry import Registry
from resqd.store.shards.homeward import came

CLOSE_EVERY = 30.0
"""Seconds between two looks for batches whose producer has died before it had put all of their jobs."""

POLL_WITHIN = 0.75
"""The part of the longest pause between two trusted polls of others' heartbeats after which the next one is made."""


TELL_EVERY = 600.0
"""Seconds after which it is told again which jobs are known: somebody may have emptied the database."""


def _deaf(_acts: Sequence[bytes], _now: int) -> None:
    """Web pages speak to a daemon on the home shard: on two lists an act could be asked for twice."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the keeper does these duties with, all over one link."""

    recovery: Recovery
    recoverer: Recoverer
    farewells: Farewells
    hosts: Hosts
    registry: Registry
    publisher: Publisher
    remote: Remote
    pruner: Pruner
    batches: Batches

    @classmethod
    def of(cls, house: House, culprits: Culprits, aftermath: Aftermath) -> Upkeep:
        """These parts, wired."""
        settings, link, keys = house.settings, house.link, house.keys
        own_life = life(settings.daemon, house.birth.epoch)
        beat, prune = settings.heartbeat_interval, settings.prune_interval
        recovery = Recovery(link=link, keys=keys)
        orphans = Orphans(grace=settings.kill_grace + MARGIN, clock=monotonic)
        inquest = Inquest(
            recovery=recovery,
            culprits=culprits,
            convicted=aftermath.put_crashed,
            retried=aftermath.put_retried,
            came=partial(came, house.connect_home, Keys(house.home.namespace)),
        )
        farewells = Farewells(clock=monotonic)
        remote = Remote(
            judge=Judge(
                life=own_life,
                secret=settings.secret,
                remote=settings.remote == "on",
                most_workers=settings.remote_scale,
            ),
            link=link,
            keys=keys,
            daemon=settings.daemon,
            say=house.voice.say,
        )
        registry = Registry(
            link=link,
            keys=keys,
            life=own_life,
            worker_id=house.worker_id,
            beats_every=beat,
            registers_every=beat + register_every(prune),
            heard=remote.hear if house.is_home else _deaf,
        )
        return cls(
            recovery=recovery,
            farewells=farewells,
            recoverer=Recoverer(
                recovery=recovery,
                daemon=settings.daemon,
                epoch=house.birth.epoch,
                gone=orphans.ended,
                inquest=inquest,
                farewells=farewells,
                clock=monotonic,
            ),
            hosts=Hosts(
                recovery=recovery,
                inquest=inquest,
                stillness=Stillness(still_for=prune, gap=2 * beat),
                lingers=orphans.lingers,
                life=own_life,
                clock=monotonic,
            ),
            registry=registry,
            remote=remote,
            publisher=Publisher(
                registry=registry,
                say=house.voice.say,
                patience=prune,
                may_kill=settings.remote == "on",
                clock=monotonic,
            ),
            pruner=Pruner(registry=registry, worker_id=house.worker_id, patience=prune, clock=monotonic),
            batches=Batches(link, keys),
        )

    def duties(self, house: House) -> list[Duty]:
        """Everything that is done every so often on its shard, in the order in which it is done."""
        if not house.is_home:
            return self._elsewhere(house)
        beat, prune = house.settings.heartbeat_interval, house.settings.prune_interval
        return [
            Duty(beat, self.publisher.beat, "the heartbeat"),
            Duty(2 * beat * POLL_WITHIN, self.hosts.watch, "the watch over other daemons"),
            Duty(PUBLISH_EVERY, self.publisher.publish, "publishing"),
            Duty(PUBLISH_EVERY, self.remote.tell, "answers to web pages"),
            Duty(prune, self.pruner.look, "pruning the registry"),
            Duty(FOLLOW_EVERY, self.recoverer.follow, "the watch over predecessors"),
            Duty(beat, self.recoverer.retry, "the records that no list took"),
            Duty(TELL_EVERY, partial(self.tell_classes, house), "telling which jobs are known"),
            Duty(CLOSE_EVERY, self.batches.close_late, "batches that nobody fills any more"),
            Duty(ONCE, partial(check_up, house.link, house.settings), "the check of Redis's settings"),
        ]

    def _elsewhere(self, house: House) -> list[Duty]:
        """What there is to do on another shard than home: to show that this daemon lives, and to see who does not."""
        beat, prune = house.settings.heartbeat_interval, house.settings.prune_interval
        return [
            Duty(beat, self.publisher.beat, "the heartbeat"),
            Duty(2 * beat * POLL_WITHIN, self.hosts.watch, "the watch over other daemons"),
            Duty(prune, self.pruner.look, "pruning the registry"),
            Duty(FOLLOW_EVERY, self.recoverer.follow, "the watch over predecessors"),
            Duty(beat, self.recoverer.retry, "the records that no list took"),
            Duty(ONCE, partial(check_up, house.link, house.settings), "the check of Redis's settings"),
        ]

    def tell_classes(self, house: House) -> None:
        """Let daemons that meet one of our jobs know that it is ours."""
        settings, app = house.settings, house.app.name or house.settings.app or ""
        queues = [spec.pattern for spec in settings.queues]
        knowers = Knowers(house.link, house.keys)
        own = life(settings.daemon, house.birth.epoch)
        news = knowers.publish(own, app=app, queues=queues, classes=house.app.jobs)
        if not news or "*" not in queues:
            return
        if others := sorted({each.app for each in knowers.look() if each.app not in ("", app)}):
            events.Housekeeper.namespace_shared(namespace=settings.namespace, others=", ".join(others[:5]))

    def farewell(self, *, orphaned: bool) -> None:
        """The daemon ends: nothing of it stays in Redis but what its jobs need. `orphaned`: its master was killed."""
        self.registry.unregister()
        self.hosts.leave(orphaned=orphaned)
