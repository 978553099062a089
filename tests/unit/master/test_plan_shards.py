"""What the master plans where there are several shards."""

import pytest

from resqd.errors import ResqdError
from resqd.master.commands import steering
from resqd.master.fleet import Suspects
from resqd.master.plan import TURN, Fork, Grant, next_at, plan
from resqd.queue_specs import queues
from resqd.wire.birth import Kind, shard_of
from tests.support.family import child, fleet, housekeeper


def test_places_are_dealt_out_to_shards_in_turn() -> None:
    assert [shard_of(Kind.WORKER, index, 3) for index in range(5)] == [0, 1, 2, 0, 1]
    assert [shard_of(Kind.PROBATION, index, 3) for index in range(6)] == [0, 0, 1, 1, 2, 2]
    assert shard_of(Kind.HOUSEKEEPER, 0, 3) == 0


def test_each_shards_suspects_have_places_of_their_own() -> None:
    """So that workers on probation that wait for a silent shard keep nobody else's suspects from their run."""
    waits = child(5, Kind.PROBATION, index=0)
    waits_too = child(6, Kind.PROBATION, index=1)
    known = fleet(housekeeper(), child(1), child(2, index=1), waits, waits_too, workers=2, shards=2)
    known.suspects = Suspects(5, {}, [4, 1])
    assert [action for action in plan(known, 1.0) if isinstance(action, Fork)] == [Fork(Kind.PROBATION, 2, 1)]


def test_one_shard_has_all_suspects() -> None:
    known = fleet(housekeeper(), child(1), suspects=3)
    assert [action for action in plan(known, 1.0) if isinstance(action, Fork)] == [
        Fork(Kind.PROBATION, 0, 1),
        Fork(Kind.PROBATION, 1, 1),
    ]


def test_a_cap_that_is_too_small_for_all_goes_round() -> None:
    """A queue with a cap of one has jobs on each shard, and each gets its turn; never are there two."""
    owner = child(1, index=0, slots=2, quotas={"q": 1}, owned={"q": 1})
    other = child(2, index=1, slots=2, quotas={"q": 0}, owned={"q": 0})
    known = fleet(housekeeper(), owner, other, workers=2, shards=2, capped=queues("q:1"))
    assert plan(known, 0.0) == []
    assert next_at(known, 0.0) == TURN
    [taken] = [action for action in plan(known, TURN) if isinstance(action, Grant)]
    assert (taken.child, taken.quotas) == (owner, {"q": 0})
    owner.grants.owned = owner.grants.quotas = {"q": 0}
    [given] = [action for action in plan(known, TURN) if isinstance(action, Grant)]
    assert (given.child, given.quotas) == (other, {"q": 1})


def test_caps_stay_where_they_are_without_shards() -> None:
    owner = child(1, index=0, slots=2, quotas={"q": 1}, owned={"q": 1})
    other = child(2, index=1, slots=2, quotas={"q": 0}, owned={"q": 0})
    known = fleet(housekeeper(), owner, other, workers=2, capped=queues("q:1"))
    assert plan(known, TURN) == []
    assert next_at(known, 0.0) is None


def test_no_shard_is_left_without_a_worker() -> None:
    known = fleet(workers=4, shards=3)
    steering.scale(known, 3)
    assert known.worker_count == 3
    with pytest.raises(ResqdError, match="each of 3 shards needs one"):
        steering.scale(known, 2)
