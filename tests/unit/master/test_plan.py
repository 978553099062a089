"""The plan: from what is and what is meant to what is to be done."""

from dataclasses import replace
from typing import Any

import pytest

from resqd.master.child import Child
from resqd.master.plan import Finish, Fork, Grant, Retire, Tell, next_at, plan
from resqd.queue_specs import QueueSpec
from resqd.wire.birth import Kind
from resqd.wire.intent import Intent
from tests.support.family import LIMITS, child, fleet, housekeeper

PAUSED, DRAINING, STOPPING = Intent.PAUSED, Intent.DRAINING, Intent.STOPPING


def forks(*args: Child, **facts: Any) -> list[tuple[Kind, int, int]]:
    actions = plan(fleet(*args, **facts), 10.0)
    return [(one.kind, one.index, one.slots) for one in actions if isinstance(one, Fork)]


def test_an_empty_fleet_is_filled() -> None:
    """The housekeeper and every place, each worker with all of its threads' slots."""
    assert forks(workers=2) == [(Kind.HOUSEKEEPER, 0, 0), (Kind.WORKER, 0, 2), (Kind.WORKER, 1, 2)]


@pytest.mark.parametrize(
    ("facts", "refilled"),
    [
        ({}, False),
        ({"state": PAUSED, "told": PAUSED}, False),
        ({"booted": False}, False),
        ({"near_end": True}, True),
        ({"exiting": "recycled"}, True),
        ({"exiting": "RuntimeError: no boot"}, False),  # its death decides, with a pause
        ({"state": DRAINING}, True),  # by a signal of its own
        ({"state": DRAINING, "told": DRAINING}, False),  # by a command that was taken back
        ({"retiring_since": 1.0, "state": DRAINING, "told": DRAINING}, True),
        ({"state": STOPPING}, True),
    ],
)
def test_a_place_is_refilled_when_its_worker_will_not_stay(facts: dict[str, Any], refilled: bool) -> None:
    """One that drains only because it was told to, and no longer is, keeps its place."""
    found = forks(child(1, **facts), housekeeper())
    assert bool(found) == refilled


def test_a_successor_gets_what_its_predecessor_has_given_back() -> None:
    """Never more than THREAD_COUNT slots together, and none is lost."""
    going = child(1, near_end=True, released=1)
    assert forks(going, housekeeper()) == [(Kind.WORKER, 0, 1)]
    ready = child(2, slots=1)
    assert not [one for one in plan(fleet(going, ready, housekeeper()), 10.0) if isinstance(one, Grant)]
    going.grants.released = 2
    grants = [one for one in plan(fleet(going, ready, housekeeper()), 10.0) if isinstance(one, Grant)]
    assert [(one.child, one.slots) for one in grants] == [(ready, 2)]


def test_a_place_that_waits_is_not_filled_before_its_time() -> None:
    """After a death at boot; the loop wakes up for it, and others are not held up."""
    waiting = fleet(housekeeper(), workers=2)
    waiting.places.ready_at[Kind.WORKER, 0] = 12.0
    assert [one.index for one in plan(waiting, 10.0) if isinstance(one, Fork)] == [1]
    assert next_at(waiting, 10.0) == 12.0
    assert [one.index for one in plan(waiting, 12.0) if isinstance(one, Fork)] == [0, 1]


@pytest.mark.parametrize("intent", [PAUSED, DRAINING, STOPPING])
def test_everybody_is_told_the_intent_once(intent: Intent) -> None:
    """Who has been told is not told again; the housekeeper is not concerned."""
    first, second = child(1), child(2, index=1, told=intent)
    told = [
        one
        for one in plan(fleet(first, second, housekeeper(), intent=intent, workers=2), 10.0)
        if isinstance(one, Tell)
    ]
    assert told == [Tell(first, intent)]


def test_a_stop_of_one_worker_is_never_taken_back() -> None:
    """One that was told to stop, for instance because it drained too long, hears nothing else."""
    told = plan(fleet(child(1, told=STOPPING, state=STOPPING), housekeeper(), intent=DRAINING), 10.0)
    assert not [one for one in told if isinstance(one, Tell)]


def test_workers_beyond_the_scale_drain_and_come_back() -> None:
    """Scaled down: a Tell to drain; scaled up again meanwhile: a Tell to resume and no fork."""
    first, second = child(1), child(2, index=1)
    small = fleet(first, second, housekeeper(), workers=1)
    assert plan(small, 10.0) == [Tell(second, DRAINING)]
    second.demands.told = second.life.state = DRAINING
    small.worker_count = 2
    assert plan(small, 10.0) == [Tell(second, Intent.RUNNING)]


def test_a_double_is_retired() -> None:
    """Of two workers that both stay at one place, the newer one goes."""
    first, second = child(1), child(2, slots=0)
    assert plan(fleet(first, second, housekeeper()), 10.0) == [Retire(second)]


def test_a_reload_rolls_over_one_child_at_a_time() -> None:
    """First the housekeeper, then a worker, and the next one only when its successor works."""
    keeper = housekeeper(outdated=True)
    first, second = child(1, outdated=True), child(2, index=1, outdated=True)
    rolled = fleet(keeper, first, second, workers=2)
    assert plan(rolled, 10.0) == [Retire(keeper)]
    rolled.children = [housekeeper(100), first, second]
    assert plan(rolled, 10.0) == [Retire(first)]
    first.demands.retiring_since = 10.0
    first.life.state = first.demands.told = DRAINING
    heir = child(3, booted=False)
    rolled.children = [housekeeper(100), heir, second]
    assert plan(rolled, 11.0) == []
    heir.life.booted = True
    assert plan(rolled, 11.0) == [Retire(second)]


def test_a_roll_goes_on_beside_a_long_job() -> None:
    """After the patience for it: nobody is killed for a reload, and one long job does not hold it up."""
    slow = child(1, outdated=True, retiring_since=10.0, state=DRAINING, told=DRAINING, released=1)
    heir, second = child(2, slots=1), child(3, index=1, outdated=True)
    rolled = fleet(housekeeper(), slow, heir, second, workers=2, limits=replace(LIMITS, drain=5.0))
    assert plan(rolled, 14.0) == []
    assert plan(rolled, 15.0) == [Retire(second)]


def test_a_suspect_waits_for_no_other_suspect_that_has_begun() -> None:
    """One that runs fills one of two places; a worker that has not taken its suspect yet is counted with it."""
    running = child(1, Kind.PROBATION, runs=(7,))
    assert forks(child(2), running, housekeeper(), suspects=1) == [(Kind.PROBATION, 1, 1)]
    hungry = child(1, Kind.PROBATION)
    assert forks(child(2), hungry, housekeeper(), suspects=1) == []


def test_a_suspect_waits_only_while_its_own_queue_is_full() -> None:
    """A worker that owns all of one cap keeps that queue's suspects from beginning, and gets a lower quota for them."""
    capped = [QueueSpec("slow", cap_count=1), QueueSpec("few", cap_count=2)]
    owner = child(1, quotas={"slow": 1, "few": 1}, owned={"slow": 1, "few": 1})
    state = fleet(owner, housekeeper(), capped=capped, suspects=2)
    state.suspects.capped = {"slow": 1}
    actions = plan(state, 10.0)
    assert [one.quotas for one in actions if isinstance(one, Fork)] == [{}]
    assert [one.quotas for one in actions if isinstance(one, Grant)] == [{"slow": 0, "few": 2}]
    state.suspects.capped = {"few": 1}
    actions = plan(state, 10.0)
    assert [one.quotas for one in actions if isinstance(one, Fork)] == [{"few": 1}, {}]


def test_the_end() -> None:
    """No worker left: the housekeeper is stopped, and when it has gone too it is over."""
    keeper = housekeeper()
    assert plan(fleet(keeper, intent=DRAINING), 10.0) == [Tell(keeper, STOPPING)]
    keeper.demands.told = STOPPING
    assert plan(fleet(keeper, intent=DRAINING), 10.0) == []
    assert plan(fleet(intent=DRAINING), 10.0) == [Finish()]


def test_the_end_waits_for_dead_workers_jobs_but_not_for_ever() -> None:
    """Until the housekeeper has put them away, or the time for it is over, as when Redis is down."""
    keeper = housekeeper()
    leaving = fleet(keeper, intent=STOPPING, unsettled=True)
    leaving.losses.settle_by = 15.0
    assert plan(leaving, 10.0) == []
    assert plan(leaving, 15.0) == [Tell(keeper, STOPPING)]
    assert forks(intent=STOPPING, unsettled=True) == [(Kind.HOUSEKEEPER, 0, 0)]
