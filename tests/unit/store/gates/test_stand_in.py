"""What tests see of limits: as in Redis, by a clock that stands until it is advanced."""

import resqd
import resqd.testing
from resqd.store.gates.calls import Gate
from resqd.store.gates.stand_in import FakeGates


def test_a_job_takes_all_of_its_gates_or_none() -> None:
    """And only rates can be full."""
    gates, one, two, wide = (
        FakeGates(),
        Gate("one", "r 1 1000000"),
        Gate("two", "r 2 1000000"),
        Gate("c", "c 1"),
    )
    assert gates.admit([two, wide], 0.0)
    assert gates.admit([one, wide], 0.0)
    assert not gates.admit([two, one], 0.5)
    assert gates.admit([two], 0.5)
    assert not gates.admit([two], 0.9)
    assert gates.admit([two, one], 1.0)


def test_what_a_rate_keeps_waiting_is_parked_until_time_has_passed() -> None:
    """In the order of its coming, and others pass."""
    app, ran = resqd.App("redis://nowhere"), list[str]()

    @app.job(name="call", limits=resqd.Rate(2, per=60, by="tenant"))
    def call(tenant: str, number: int) -> None:
        with resqd.limit("pool", resqd.Concurrency(1)):
            ran.append(f"{tenant}{number}")

    with resqd.testing.fake(app) as jobs:
        for number in range(5):
            call.enqueue("a", number)
        call.enqueue("b", 0)
        assert jobs.drain() == 3
        assert (ran, [job.args for job in jobs.parked]) == (
            ["a0", "a1", "b0"],
            [["a", 2], ["a", 3], ["a", 4]],
        )
        assert jobs.drain() == 0
        jobs.advance(60)
        call.enqueue("a", 5)
        assert jobs.drain() == 2
        assert ran[3:] == ["a2", "a3"]
        jobs.advance(60)
        assert jobs.drain() == 2
        assert ran[5:] == ["a4", "a5"]
        assert jobs.parked == []
