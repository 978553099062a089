"""Whose heartbeat has stood still for too long."""

from hypothesis import given
from hypothesis import strategies as st

from resqd.housekeeper.recovery import Stillness


def stillness() -> Stillness:
    return Stillness(still_for=30, gap=4)


def test_a_counter_that_stands_still_is_dead_after_the_interval() -> None:
    """Not a poll before: 30 s from the first sight, and from then on at each poll."""
    policy = stillness()
    verdicts = {at: policy.poll({"a": 7, "b": at}, at) for at in range(0, 40, 3)}
    assert [at for at, dead in verdicts.items() if dead] == [30, 33, 36, 39]
    assert verdicts[39] == ["a"]


def test_any_change_of_a_counter_is_a_sign_of_life() -> None:
    """Lower is a change too: the daemon was forgotten and has come back."""
    policy = stillness()
    for at in range(0, 30, 3):
        policy.poll({"a": 7}, at)
    assert policy.poll({"a": 1}, 30) == []
    assert policy.poll({"a": 1}, 33) == []


def test_an_outage_begins_the_count_again() -> None:
    """Polls that are further apart than the gap say nothing about the time between them."""
    policy = stillness()
    for at in range(0, 28, 3):
        policy.poll({"a": 7}, at)
    assert policy.poll({"a": 7}, 90) == []
    assert [at for at in range(93, 123, 3) if policy.poll({"a": 7}, at)] == [120]


def test_a_slower_heart_than_our_patience_is_respected() -> None:
    """One that tells to beat every 20 s is dead after three of them; one that tells nothing after our 30."""
    policy = stillness()
    dead = {}
    for at in range(0, 70, 3):
        found = policy.poll({"slow": 7, "silent": 7}, at)
        dead[at] = policy.confirm(found, {"slow": 20.0}, at)
    assert dead[27] == []
    assert dead[30] == ["silent"] == dead[57]
    assert sorted(dead[60]) == ["silent", "slow"]


def test_a_life_that_goes_and_comes_is_counted_anew() -> None:
    """What is not in the list is not remembered."""
    policy = stillness()
    for at in range(0, 30, 3):
        policy.poll({"a": 7}, at)
    policy.poll({}, 30)
    assert policy.poll({"a": 7}, 33) == []


@given(st.lists(st.tuples(st.floats(0.1, 20), st.booleans()), max_size=60))
def test_nobody_is_dead_who_beats_within_the_interval(steps: list[tuple[float, bool]]) -> None:
    """Whatever the pauses between polls: a verdict needs 30 s of trusted polls since the last change."""
    policy, now, count, changed = stillness(), 0.0, 0, 0.0
    for pause, beats in steps:
        now += pause
        if pause > policy.gap:
            changed = now
        if beats:
            count, changed = count + 1, now
        if policy.poll({"a": count}, now):
            assert now - changed >= policy.still_for
