"""The threads of a housekeeper that listen to Redis: for pushes, for what is due, and for failovers."""

from __future__ import annotations

import random
from collections.abc import Callable

from resqd.clock import monotonic
from resqd.housekeeper.doorbell import DoorbellThread
from resqd.housekeeper.failover import FailoverWatch
from resqd.housekeeper.house import House
from resqd.housekeeper.promotion import Promotion
from resqd.housekeeper.stand_in import StandIn
from resqd.store.later.ear import Ear
from resqd.store.later.later import Later
from resqd.store.redis.failover import watch
from resqd.store.redis.health import Backoff
from resqd.store.redis.link import Link
from resqd.store.redis.tracking import Doorbell
from resqd.store.resque.served import Served
from resqd.threads import NamedThread


def served(house: House, link: Link) -> Served:
    """The queues that there are of this daemon's, by a link of the caller's thread."""
    return Served(call=link.call, keys=house.keys, queues=_queues(house))


def _queues(house: House) -> list[str]:
    return [spec.pattern for spec in house.settings.queues]


def doorbell_of(house: House) -> DoorbellThread:
    """The thread that listens for pushes, or asks where it may not."""
    bell, link = house.bell, Link(house.connection)
    stand_in = StandIn(
        bell=bell,
        served=served(house, link),
        close=link.close,
        interval=house.settings.interval,
        clock=monotonic,
    )
    return DoorbellThread(
        bell=bell,
        doorbell=Doorbell(config=house.connection, keys=house.keys, queues=_queues(house)),
        stand_in=stand_in,
        backoff=Backoff(random.random),
        clock=monotonic,
    )


def start_promotion(house: House) -> Ear:
    """Start to move jobs that are due; what hears of changes."""
    ear, link = Ear(config=house.connection, keys=house.keys), Link(house.connection)
    Promotion(
        ear=ear,
        later=Later(link, house.keys),
        daemons=lambda: int(link.call("HLEN", house.keys.daemons)),
        backoff=Backoff(random.random),
        clock=monotonic,
    ).start()
    return ear


def watch_failovers(house: House, *drops: Callable[[], None]) -> None:
    """Start to listen for failovers, where the URL says that there may be some; `drops` end what waits for Redis."""
    heard = watch(house.connection, key=house.keys.daemons)
    if heard is not None:
        failovers = FailoverWatch(watch=heard, say=house.voice.say, drops=(house.link.abort, *drops))
        NamedThread(name="failovers", target=failovers.run).start()
