"""What a fleet's bells cost Redis, by the simulation that tests/bench/README.md quotes."""

import pytest

from tests.bench.doorbell_simulation import simulate


@pytest.mark.parametrize("hosts", [1, 10, 100])
def test_the_bells_of_a_fleet_of_any_size_are_affordable(hosts: int) -> None:
    """At 1,000 pushes a second they take less than an eighth of Redis's time, and jobs start within milliseconds."""
    outcome = simulate(hosts=hosts, rate=1000)
    assert outcome.share < 0.125
    assert outcome.median < 0.001
    assert outcome.worst < 0.005


def test_without_a_holdoff_a_fleet_would_occupy_redis() -> None:
    """The holdoff is what keeps it so: with next to none the same pushes take several times as much."""
    assert simulate(hosts=50, rate=200, holdoff=1e-5).share > 3 * simulate(hosts=50, rate=200).share
