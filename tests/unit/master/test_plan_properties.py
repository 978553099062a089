"""What holds of every plan, whatever the fleet looks like."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resqd.master.child import Child
from resqd.master.fleet import Fleet
from resqd.master.plan import Finish, Fork, Grant, plan
from resqd.wire.birth import PROBATION_AT_ONCE, Kind
from resqd.wire.intent import Intent
from tests.support.family import child, fleet

WORKERS, THREADS = 3, 4
STATES = st.sampled_from(list(Intent))


@st.composite
def children(draw: st.DrawFn) -> list[Child]:
    """Any family: places with several generations, probation workers, at the most one housekeeper."""
    family: list[Child] = []
    for fork in range(1, draw(st.integers(0, 9)) + 1):
        kind = draw(st.sampled_from([Kind.WORKER, Kind.WORKER, Kind.PROBATION, Kind.HOUSEKEEPER]))
        if kind is Kind.HOUSEKEEPER and any(one.kind is kind for one in family):
            continue
        index = draw(st.integers(0, WORKERS))
        facts: dict[str, Any] = {
            "kind": kind,
            "index": {Kind.WORKER: index, Kind.PROBATION: index % PROBATION_AT_ONCE}.get(kind, 0),
            "state": draw(STATES),
            "told": draw(STATES),
            "booted": draw(st.booleans()),
            "near_end": draw(st.booleans()),
            "exiting": draw(st.sampled_from([None, None, "recycled", "burst"])),
        }
        room = THREADS - sum(
            one.grants.active for one in family if one.index == index and one.kind is Kind.WORKER
        )
        granted = draw(st.integers(0, max(0, room)))
        family.append(child(fork, slots=granted, released=draw(st.integers(0, granted)), **facts))
    return family


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    state = fleet(
        *draw(children()),
        intent=draw(st.sampled_from(list(Intent))),
        workers=draw(st.integers(1, WORKERS)),
        threads=THREADS,
        burst=draw(st.booleans()),
        unsettled=draw(st.booleans()),
        suspects=draw(st.integers(0, 5)),
    )
    state.places.done |= draw(st.sets(st.integers(0, WORKERS - 1)))
    state.losses.settle_by = draw(st.none() | st.floats(0, 20))
    return state


@given(fleets())
def test_no_plan_breaks_the_bounds(state: Fleet) -> None:
    """Slots of a place never exceed THREAD_COUNT; one child for a place; nobody is forked into an end."""
    actions = plan(state, 10.0)
    forks = [one for one in actions if isinstance(one, Fork)]
    grants = {one.child: one.slots for one in actions if isinstance(one, Grant)}
    for index in range(state.worker_count):
        new = [one for one in forks if one.kind is Kind.WORKER and one.index == index]
        held = sum(
            max(0, grants.get(one, one.grants.slots) - one.grants.released) for one in state.workers(index)
        )
        assert len(new) <= 1
        assert held + sum(one.slots for one in new) <= THREADS
    kinds = [one.kind for one in state.children] + [one.kind for one in forks]
    assert kinds.count(Kind.HOUSEKEEPER) <= 1
    fresh = [one.index for one in forks if one.kind is Kind.PROBATION]
    there = [one.index for one in state.children if one.kind is Kind.PROBATION]
    assert len(fresh) <= state.suspects.count
    assert len(set(fresh)) == len(fresh)
    assert set(fresh) <= set(range(PROBATION_AT_ONCE)) - set(there)
    if state.leaving:
        assert not [one for one in forks if one.kind is not Kind.HOUSEKEEPER]


@given(fleets())
def test_the_end_comes_when_nobody_is_left_and_nothing_is_to_be_settled(state: Fleet) -> None:
    """And then alone: who finishes does nothing else."""
    actions = plan(state, 10.0)
    if any(isinstance(one, Finish) for one in actions):
        assert state.children == []
        assert len(actions) == 1
        assert state.leaving or state.settings.burst
        settle_by = state.losses.settle_by
        late = settle_by is not None and settle_by <= 10.0 and state.leaving
        assert not state.losses.deaths or late


def test_place_scaled_away_does_not_count_for_one_that_still_works() -> None:
    """A burst is over when each place of the scale is done, not when as many places as it has once were."""
    left = fleet(burst=True)
    left.places.done.add(1)
    assert not any(isinstance(one, Finish) for one in plan(left, 10.0))
