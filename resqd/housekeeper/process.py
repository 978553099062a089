"""The housekeeper's process: what a daemon needs the network for, but no job."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from setproctitle import setproctitle

from resqd import SHORT_VERSION
from resqd.aftermath import Aftermath
from resqd.app import App
from resqd.application.parts import parts_of
from resqd.clock import monotonic
from resqd.failures import FailureRules
from resqd.housekeeper import slow_sweep
from resqd.housekeeper.control import FAREWELL, Control, Hearers, Voice
from resqd.housekeeper.doorbell import DoorbellThread
from resqd.housekeeper.house import House
from resqd.housekeeper.inquest import Culprits
from resqd.housekeeper.introductions import Introductions
from resqd.housekeeper.keeper import Duty, Keeper, Settling
from resqd.housekeeper.keepers import Accounts, Keepers, Shift
from resqd.housekeeper.listeners import doorbell_of, served, start_promotion, watch_failovers
from resqd.housekeeper.orphans import MARGIN, Siblings
from resqd.housekeeper.pause_files import PauseFiles
from resqd.housekeeper.queue_pauses import LOOK_EVERY, PauseWatch
from resqd.housekeeper.telling import Tellers
from resqd.housekeeper.timekeeping import timekeepers
from resqd.housekeeper.upkeep import Upkeep
from resqd.settings import Settings
from resqd.sharding import Shard
from resqd.store.keys import Keys
from resqd.store.redis.embedded import Embedded, Rewatch
from resqd.store.redis.health import Backoff, Health
from resqd.store.redis.link import Link
from resqd.store.redis.url import configured
from resqd.threads import NamedThread
from resqd.wire.birth import Birth
from resqd.wire.messages import ActAnswered, Busy, Exiting, Farewell, Message, Vitals

_NAMES = ("INT", "HUP", "TTIN", "TTOU", "PIPE", "USR1", "USR2", "QUIT")
_IGNORED = frozenset(signal.Signals[f"SIG{name}"] for name in _NAMES)
BELL_FAREWELL = 0.5
"""Seconds that the bell's thread may take; when it is stuck, the master says at our death that the bell is dead."""


def run(
    birth: Birth,
    *,
    settings: Settings,
    app: App,
    shards: Sequence[Shard],
    worker_id: str,
    embedded: Embedded | None,
) -> int:
    """Be the housekeeper: called in the forked child, returns its exit status."""
    _settle_signals()
    birth.page.unmap()  # it marks a worker
    setproctitle(f"{settings.procline_prefix}resqd-{SHORT_VERSION}: housekeeper")
    voice = Voice()
    make = partial(_house, birth, settings, app, worker_id=worker_id, voice=voice, home=shards[0])
    houses = [make(shard) for shard in shards]
    # Only when it has to run the application's code this process is made fit for it, as a worker is.
    aftermath = Aftermath(rules=_rules(houses[0]), prepare=partial(app.hooks.run, "after_fork"))
    if embedded is not None:
        NamedThread(name="rewatch", target=Rewatch(embedded).run).start()
    doorbells = [doorbell_of(house) for house in houses]
    for house, doorbell in zip(houses, doorbells, strict=True):
        doorbell.start()
        ear = start_promotion(house)
        watch_failovers(house, doorbell.abort, ear.abort)
    if parts_of(app).outboxes:
        from resqd.housekeeper.outboxes import relaying  # noqa: PLC0415 - for who has an outbox only

        NamedThread(name="outbox", target=partial(relaying, houses[0])).start()
    reason = _control(houses, aftermath, doorbells[0]).run()
    for doorbell in doorbells:
        doorbell.leave(BELL_FAREWELL / len(doorbells))
    aftermath.close(FAREWELL)
    birth.channel.send(Exiting(reason))
    return 0


def _house(
    birth: Birth, settings: Settings, app: App, shard: Shard, *, worker_id: str, voice: Voice, home: Shard
) -> House:
    connection = configured(shard.url)
    return House(
        birth=birth,
        settings=replace(settings, namespace=shard.namespace),
        app=app,
        connection=connection,
        link=Link(connection),
        keys=Keys(shard.namespace),
        worker_id=worker_id,
        voice=voice,
        shard=shard,
        home=home,
        bell=birth.bells.each[shard.number] if birth.bells else birth.bell,
    )


def _rules(house: House) -> FailureRules:
    catalog = parts_of(house.app).catalog
    return FailureRules(
        policy=house.app.failure_policy,
        names=house.settings.failure_backend,
        jobs=catalog.jobs,
        keys=house.keys,
        around=catalog.around,
    )


def _upkeep(house: House, aftermath: Aftermath) -> Upkeep:
    culprits = Culprits(
        settings=house.settings, app=house.app, rules=_rules(house), worker_id=house.worker_id
    )
    return Upkeep.of(house, culprits, aftermath)


def _control(houses: Sequence[House], aftermath: Aftermath, doorbell: DoorbellThread) -> Control:
    """The control thread with the threads that it commands."""
    house = houses[0]
    settings, birth = house.settings, house.birth
    accounts = Accounts(len(houses), house.voice.say)
    health = _health(house)
    upkeep, tellers, kept = _upkeep(house, aftermath), Tellers.of(house, health), timekeepers(house)
    introductions = Introductions(clock=monotonic)
    keeper = _keeper(
        house,
        upkeep,
        duties=[
            *upkeep.duties(house),
            Duty(LOOK_EVERY, _pauses(house, doorbell).look, "the look at paused queues"),
            *slow_sweep.duties(house, monotonic),
            *(each.duty for each in kept),
            *tellers.duties(),
            *([introductions.duty(house)] if len(houses) > 1 else []),
        ],
        last_words=partial(_last_words, upkeep, tellers),
        leaves=[each.leave for each in kept],
        health=health,
        say=accounts.voice(0),
    )
    others = [
        _elsewhere(other, aftermath, accounts, [introductions.duty(other), *tellers.elsewhere(other)])
        for other in houses[1:]
    ]
    keepers = Keepers([Shift(keeper, upkeep.farewells), *others], clock=monotonic)
    return Control(
        channel=birth.channel,
        keepers=keepers,
        hearers=_hearers(upkeep, tellers, keepers),
        metrics=tellers.statsd,
        pause_files=PauseFiles(paths=settings.all_pause_files, say=house.voice.say),
        voice=house.voice,
        siblings=Siblings(bell=house.bell, master_pid=birth.master_pid, clock=monotonic),
        grace=settings.kill_grace + MARGIN,
    )


def _hearers(upkeep: Upkeep, tellers: Tellers, keepers: Keepers) -> Hearers:
    counting = [
        each.take for each in (tellers.statsd, tellers.scrapers, tellers.recorder) if each is not None
    ]
    return {
        ActAnswered: [upkeep.remote.answered],
        Busy: [upkeep.publisher.take, *counting],
        Farewell: [keepers.hear],
        Vitals: [tellers.scrapers.hear] if tellers.scrapers else [],
    }


def _elsewhere(house: House, aftermath: Aftermath, accounts: Accounts, duties: Sequence[Duty]) -> Shift:
    """Who keeps up a shard that is not home."""
    upkeep = _upkeep(house, aftermath)
    keeper = _keeper(
        house,
        upkeep,
        duties=[*upkeep.duties(house), *duties],
        last_words=lambda: None,
        leaves=(),
        health=_health(house),
        say=accounts.voice(house.shard.number),
    )
    return Shift(keeper, upkeep.farewells)


def _health(house: House) -> Health:
    return Health(where=house.connection.describe(), clock=monotonic)


def _keeper(
    house: House,
    upkeep: Upkeep,
    *,
    duties: Sequence[Duty],
    last_words: Callable[[], object],
    leaves: Sequence[Callable[[], None]],
    health: Health,
    say: Callable[[Message], None],
) -> Keeper:
    capped = [spec.pattern for spec in house.settings.queues if spec.capped]
    return Keeper(
        duties=duties,
        settling=Settling(
            recover=upkeep.recoverer.run,
            suspects=partial(upkeep.recovery.suspects_waiting, house.settings.daemon, capped),
            health=health,
            say=say,
        ),
        last_words=last_words,
        farewell=partial(_farewell, house, upkeep, leaves),
        health=health,
        backoff=Backoff(random.random),
        clock=monotonic,
    )


def _pauses(house: House, doorbell: DoorbellThread) -> PauseWatch:
    return PauseWatch(
        link=house.link,
        hearing=doorbell.hearing,
        namespace=house.settings.namespace,
        served=served(house, house.link),
        say=house.voice.say,
    )


def _last_words(upkeep: Upkeep, tellers: Tellers) -> None:
    """What is told at any end: answers to web pages, before the counts, which may take longer."""
    upkeep.remote.tell()
    tellers.leave()


def _farewell(house: House, upkeep: Upkeep, leaves: Sequence[Callable[[], None]]) -> None:
    upkeep.farewell(orphaned=os.getppid() != house.birth.master_pid)
    for leave in leaves:
        leave()


def _settle_signals() -> None:
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_IGNORED, signal.SIGTERM, signal.SIGCHLD, signal.SIGCONT})
