"""What the master should do next: pure policy, from the fleet's state and the time to a list of actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from resqd.master.child import Child
from resqd.master.deaths import GOOD_BYES
from resqd.master.fleet import Fleet
from resqd.master.quotas import Holder, deal, for_suspects, free
from resqd.wire.birth import PROBATION_AT_ONCE, Kind, shard_of
from resqd.wire.intent import Intent

TURN = 1.0
"""Seconds after which a unit of a cap goes on to a worker of another shard, where there are too few for all."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Fork a child for this place."""

    kind: Kind
    index: int
    slots: int
    quotas: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """Let a worker run so many jobs at once, and of each capped queue so many."""

    child: Child
    slots: int
    quotas: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a child the intent that it should follow."""

    child: Child
    intent: Intent


@dataclass(frozen=True, slots=True)
class Finish:
    """All is done: leave."""


@dataclass(frozen=True, slots=True)
class Retire:
    """Drain this child whatever the daemon's intent is."""

    child: Child


Action = Fork | Grant | Tell | Retire | Finish


def plan(fleet: Fleet, now: float) -> list[Action]:
    """The actions that bring the fleet nearer to what is meant."""
    return [
        *_staffed(fleet, now),
        *_tells(fleet),
        *_surplus(fleet),
        *_rolls(fleet, now),
        *_finish(fleet, now),
    ]


def next_at(fleet: Fleet, now: float) -> float | None:
    """When a place that waits may be filled, or waiting for dead workers' jobs ends."""
    moments = [*fleet.places.ready_at.values(), fleet.losses.settle_by or now]
    if _takes_turns(fleet):
        moments.append((int(now / TURN) + 1) * TURN)
    return min((at for at in moments if at > now), default=None)


def fills(child: Child) -> bool:
    """Whether the child keeps its place: it takes jobs, or will again once it hears the daemon's intent.

    One that drains by its own signal does not; one that drains because the daemon did, or the scale was
    lower, does as soon as neither is true any more.
    """
    life = child.life
    if life.exiting is not None:
        # after an error its death decides when the place is filled again
        return life.exiting not in GOOD_BYES
    if life.near_end or child.retiring:
        return False
    return child.taking or child.demands.told is life.state is Intent.DRAINING


def _forks(fleet: Fleet, now: float) -> Iterable[Fork]:
    if _missing_housekeeper(fleet, now) and _may_fork(fleet, Kind.HOUSEKEEPER, 0, now):
        yield Fork(Kind.HOUSEKEEPER, 0, 0)
    if fleet.leaving:
        return
    for index in range(fleet.worker_count):
        filled = index in fleet.places.done or any(map(fills, fleet.workers(index)))
        if not filled and _may_fork(fleet, Kind.WORKER, index, now):
            yield Fork(Kind.WORKER, index, _room(fleet, index))
    yield from _probation(fleet, now)


def _missing_housekeeper(fleet: Fleet, now: float) -> bool:
    if any(child.kind is Kind.HOUSEKEEPER for child in fleet.children):
        return False
    return not _over(fleet) or _settling(fleet, now)


def _may_fork(fleet: Fleet, kind: Kind, index: int, now: float) -> bool:
    return now >= fleet.places.ready_at.get((kind, index), now)


def _probation(fleet: Fleet, now: float) -> list[Fork]:
    """The forks for suspects, as if no queue had a cap."""
    if fleet.intent is not Intent.RUNNING:
        return []
    busy = {child.index for child in fleet.children if child.kind is Kind.PROBATION}
    forks = []
    for shard in range(fleet.settings.shards):
        places = range(shard * PROBATION_AT_ONCE, (shard + 1) * PROBATION_AT_ONCE)
        ready = [each for each in places if each not in busy and _may_fork(fleet, Kind.PROBATION, each, now)]
        waiting = fleet.suspects.on(shard) - _hungry(fleet, shard)
        forks += [Fork(Kind.PROBATION, index, 1) for index in ready[: max(0, waiting)]]
    return forks


def _hungry(fleet: Fleet, shard: int) -> int:
    """How many of a shard's probation workers may not have taken their suspect yet."""
    return sum(
        child.kind is Kind.PROBATION
        and shard_of(child.kind, child.index, fleet.settings.shards) == shard
        and not child.account.stats.reserved
        and not child.page.running()
        for child in fleet.children
    )


def _staffed(fleet: Fleet, now: float) -> Iterable[Fork | Grant]:
    """The children to fork and the grants to make, with the quotas that can be given now."""
    forks, slots, caps = list(_forks(fleet, now)), dict(_slots(fleet)), fleet.caps()
    if not caps or fleet.leaving:
        yield from forks
        yield from (Grant(child, room, child.grants.quotas) for child, room in slots.items())
        return
    unowned = free(caps, [child.grants.owned for child in fleet.children if child.working])
    probation = [fork for fork in forks if fork.kind is Kind.PROBATION]
    units = for_suspects(len(probation), fleet.suspects.count, fleet.suspects.capped, unowned)
    yield from (replace(fork, quotas=quotas) for fork, quotas in zip(probation, units, strict=False))
    yield from (fork for fork in forks if fork.kind is Kind.HOUSEKEEPER)
    takers = _takers(fleet, forks)
    alone = [child.grants.owned for child in fleet.children if child.kind is Kind.PROBATION]
    kept = {queue: min(len(probation), fleet.suspects.capped.get(queue, 0)) for queue in caps}
    dealt = deal(
        {queue: units - kept[queue] for queue, units in free(caps, alone).items()},
        [_holder(fleet, taker) for taker in takers],
        {queue: units - kept[queue] for queue, units in unowned.items()},
        turn=int(now / TURN) if _takes_turns(fleet) else 0,
    )
    for taker, quotas in zip(takers, dealt, strict=True):
        if isinstance(taker, Fork):
            yield replace(taker, quotas=quotas)
        elif taker in slots or _holder(fleet, taker).needs(quotas):
            yield Grant(taker, slots.get(taker, taker.grants.slots), quotas)


def _takes_turns(fleet: Fleet) -> bool:
    """Whether a cap is too small for all workers: those of one shard must not have all of it for good."""
    return fleet.settings.shards > 1 and any(cap < fleet.worker_count for cap in fleet.caps().values())


def _takers(fleet: Fleet, forks: Iterable[Fork]) -> list[Child | Fork]:
    """Who takes jobs at each place, or is about to be forked for that."""
    newcomers = {fork.index: fork for fork in forks if fork.kind is Kind.WORKER}
    takers: list[Child | Fork] = []
    for index in range(fleet.worker_count):
        staying = [child for child in fleet.workers(index) if fills(child) and child.taking]
        takers += [newcomers[index]] if index in newcomers else staying[-1:]
    return takers


def _holder(fleet: Fleet, taker: Child | Fork) -> Holder:
    if isinstance(taker, Fork):
        return Holder(fleet.settings.thread_count, {}, {})
    grants = taker.grants
    return Holder(fleet.settings.thread_count, grants.quotas, grants.owned, grants.usable)


def _room(fleet: Fleet, index: int) -> int:
    return max(0, fleet.settings.thread_count - sum(child.grants.active for child in fleet.workers(index)))


def _slots(fleet: Fleet) -> Iterable[tuple[Child, int]]:
    """The slots that older workers of a place have given back, for its newest one."""
    for index in range(fleet.worker_count):
        workers = fleet.workers(index)
        if len(workers) > 1 or (workers and workers[0].grants.slots < fleet.settings.thread_count):
            newest = workers[-1]
            room = fleet.settings.thread_count - sum(child.grants.active for child in workers[:-1])
            if fills(newest) and room > newest.grants.slots:
                yield newest, room


def _tells(fleet: Fleet) -> Iterable[Tell]:
    """Keep every worker at the daemon's intent; one beyond the scale drains. A stop is never taken back."""
    for child in fleet.children:
        if not child.working or child.life.exiting is not None or child.demands.told is Intent.STOPPING:
            continue
        beyond = child.kind is Kind.WORKER and child.index >= fleet.worker_count
        drains = (beyond or child.retiring) and not fleet.leaving
        intent = Intent.DRAINING if drains else fleet.intent
        if child.demands.told is not intent:
            yield Tell(child, intent)


def _surplus(fleet: Fleet) -> Iterable[Retire]:
    """Retire a place's newer worker when the older one, which was going, has been called back."""
    if fleet.leaving:
        return
    for index in range(fleet.worker_count):
        for child in [child for child in fleet.workers(index) if fills(child)][1:]:
            yield Retire(child)


def _rolls(fleet: Fleet, now: float) -> Iterable[Retire]:
    """After a reload: retire one child of the old code, when every place has a worker that is up and working.

    A long job is not killed for it: after DRAIN_TIMEOUT the next child's turn comes, beside that job.
    """
    outdated = [child for child in fleet.children if child.identity.outdated and not child.retiring]
    if fleet.leaving or not outdated:
        return
    places = [fleet.workers(index) for index in range(fleet.worker_count)]
    if not all(
        any(child.life.booted and fills(child) and child.grants.slots for child in place) for place in places
    ):
        return
    since = [child.demands.retiring_since for child in fleet.children if child.identity.outdated]
    going = [at for at in since if at is not None]
    if not going or now - max(going) >= fleet.settings.limits.drain:
        yield Retire(min(outdated, key=lambda child: (child.working, child.index, child.fork)))


def _over(fleet: Fleet) -> bool:
    """Whether no worker is left and none should come."""
    if any(child.working for child in fleet.children):
        return False
    if fleet.leaving:
        return True
    done = all(index in fleet.places.done for index in range(fleet.worker_count))
    return fleet.settings.burst and done and not fleet.suspects.count


def _settling(fleet: Fleet, now: float) -> bool:
    """Whether to wait for jobs of dead workers; a burst waits until it has run them."""
    late = fleet.leaving and fleet.losses.settle_by is not None and now >= fleet.losses.settle_by
    return bool(fleet.losses.deaths) and not late


def _finish(fleet: Fleet, now: float) -> Iterable[Action]:
    if not _over(fleet) or _settling(fleet, now):
        return
    housekeepers = [child for child in fleet.children if child.kind is Kind.HOUSEKEEPER]
    for child in housekeepers:
        # Told to drain, it would leave its name in the registry for another housekeeper to take its place.
        if child.demands.told is not Intent.STOPPING:
            yield Tell(child, Intent.STOPPING)
    if not housekeepers:
        yield Finish()
