"""The doorbell's policy: when to arm, ring, repeat, hold off and switch off."""

from __future__ import annotations

from resqd.housekeeper.listening import COUNT_EVERY, HOLDOFF, LINGER, PATIENCE, Act, ListeningPolicy, Seen


def seen(
    idle: int = 1, *, pushed: bool = False, vain: bool = False, found: int = 0, pending: bool = False
) -> Seen:
    return Seen(idle=idle, pushed=pushed, vain=vain, found=found, pending=pending)


def armed(now: float = 0.0, random: float = 0.5) -> ListeningPolicy:
    """A policy that listens, whose ring after the arming was answered."""
    policy = ListeningPolicy(random=lambda: random, now=now)
    assert policy.step(now, seen())[0] is Act.ARM
    assert policy.step(now, seen(vain=True)) == []
    return policy


def test_nobody_idle_costs_nothing() -> None:
    """While every fetcher has work the connection is not armed, and nothing is due."""
    policy = ListeningPolicy(random=lambda: 0.5, now=0.0)
    assert policy.step(1.0, seen(idle=0)) == []
    assert policy.next_at(idle=0) is None


def test_arming_is_followed_by_a_ring() -> None:
    """What was pushed between a fetcher's last look and the arming is found by the ring after it."""
    policy = ListeningPolicy(random=lambda: 0.5, now=0.0)
    assert policy.step(0.0, seen()) == [Act.ARM, Act.RING, Act.COUNT]


def test_each_push_rings_once() -> None:
    """A push wakes one fetcher; while a ring is not taken the next push needs none."""
    policy = armed()
    assert policy.step(0.1, seen(2, pushed=True)) == [Act.RING]
    assert policy.step(0.1, seen(2, pushed=True, pending=True)) == []
    assert policy.step(0.2, seen(2, pushed=True)) == [Act.RING]


def test_a_ring_that_nobody_takes_is_repeated() -> None:
    """A fetcher that cannot run does not hide a push from the others: each is woken in turn, and no more."""
    policy = armed()
    assert policy.step(1.0, seen(2, pushed=True)) == [Act.RING]
    assert policy.next_at(idle=2) == 1.0 + PATIENCE
    now, rings = 1.0, 0
    for _ in range(10):
        now += PATIENCE
        rings += policy.step(now, seen(2, pending=True)).count(Act.RING)
    assert rings == 2


def test_a_ring_of_another_is_watched_as_well() -> None:
    """A push that finds a fetcher's own ring untaken relies on it, but repeats it in time."""
    policy = armed()
    policy.step(0.9, seen(2))
    assert policy.step(1.0, seen(2, pushed=True, pending=True)) == []
    assert policy.step(1.0 + PATIENCE, seen(2, pending=True)) == [Act.RING]


def test_the_number_of_the_idle_matters_only_when_a_repeat_is_due() -> None:
    """Before that a step is told that someone is idle, which is quicker to find out."""
    policy = armed()
    policy.step(1.0, seen(pushed=True))
    assert not policy.repeat_due(1.0 + PATIENCE / 2)
    assert policy.repeat_due(1.0 + PATIENCE)


def test_a_taken_ring_is_not_repeated() -> None:
    """Once it was taken nothing is due but the next count of the daemons."""
    policy = armed()
    policy.step(1.0, seen(pushed=True))
    assert policy.step(1.0 + PATIENCE, seen()) == []
    assert policy.next_at(idle=1) == COUNT_EVERY


def test_a_vain_ring_holds_off_in_proportion_to_the_fleet() -> None:
    """It switches off, waits a random time with a mean of HOLDOFF for each daemon, and arms and rings again."""
    policy = armed(random=0.75)
    policy.daemons = 100
    policy.step(1.0, seen(pushed=True))
    assert policy.step(1.0, seen(vain=True)) == [Act.DISARM]
    again = 1.0 + 0.75 * 2 * HOLDOFF * 100
    assert policy.next_at(idle=1) == again
    assert policy.step(again - 0.001, seen(pushed=True)) == []
    assert policy.step(again, seen()) == [Act.ARM, Act.RING]


def test_the_ring_after_arming_may_be_vain() -> None:
    """Otherwise an idle host would go on arming and holding off for ever."""
    policy = ListeningPolicy(random=lambda: 0.5, now=0.0)
    policy.step(0.0, seen())
    assert policy.step(0.1, seen(vain=True)) == []
    assert policy.armed


def test_the_echo_of_our_own_pop_is_no_reason_to_hold_off() -> None:
    """A pop is a write too: the vain ring after a find is excused, the next one is not."""
    policy = armed()
    policy.step(1.0, seen(2, pushed=True))
    policy.step(1.1, seen(2, pushed=True, found=1))
    assert policy.step(1.2, seen(2, vain=True, found=1)) == []
    policy.step(1.3, seen(2, pushed=True, found=1))
    assert policy.step(1.4, seen(2, vain=True, found=1)) == [Act.DISARM]


def test_it_is_switched_off_while_nobody_is_idle() -> None:
    """The first push after LINGER without an idle fetcher switches it off; an earlier one does not."""
    policy = armed()
    assert policy.step(LINGER / 2, seen(idle=0, pushed=True)) == []
    assert policy.step(LINGER, seen(idle=0, pushed=True)) == [Act.DISARM]
    assert policy.step(LINGER * 2, seen(idle=0, pushed=True)) == []


def test_a_push_that_found_nobody_idle_rings_the_next_who_is() -> None:
    """A fetcher may have looked just before that push and raise its flag just after."""
    policy = armed()
    assert policy.step(LINGER / 2, seen(idle=0, pushed=True)) == []
    assert policy.step(LINGER / 2, seen()) == [Act.RING]
    assert policy.step(LINGER / 2, seen(vain=True)) == []


def test_the_daemons_are_counted() -> None:
    """Every COUNT_EVERY seconds of listening, idle or not, and not once for each arming."""
    policy = armed()
    assert policy.next_at(idle=1) == PATIENCE
    assert policy.step(PATIENCE, seen()) == []
    assert policy.next_at(idle=1) == COUNT_EVERY
    assert policy.step(COUNT_EVERY, seen(idle=0)) == [Act.COUNT]


def test_a_repeat_that_finds_nobody_idle_waits_for_who_idles_next() -> None:
    """It is not due for ever, which would keep a processor busy; and an untaken ring is not forgotten."""
    for pending in (False, True):
        policy = armed()
        assert policy.step(1.0, seen(pushed=True)) == [Act.RING]
        policy.step(1.0 + PATIENCE, seen(0, pending=pending))
        moment = policy.next_at(idle=0)
        assert moment is not None
        assert moment > 1.0 + PATIENCE
        assert policy.step(1.5, seen(1)) == ([Act.RING] if pending else [])
