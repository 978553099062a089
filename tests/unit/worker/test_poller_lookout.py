"""When the fetcher looks at its queues."""

from __future__ import annotations

from resqd.worker.poller import POLL_BURST, POLL_MOST, Lookout


def test_backlog_is_looked_at_at_once() -> None:
    """While looks find all that was wanted, the next one is due at once."""
    lookout = Lookout(0.1)
    lookout.looked(got=8, wanted=8, now=0.0, most=POLL_MOST)
    assert lookout.due(0.0, bell_works=True)


def test_empty_queues_are_looked_at_after_the_interval() -> None:
    """A look that found too little is followed by another one an INTERVAL later."""
    lookout = Lookout(0.1)
    lookout.looked(got=0, wanted=8, now=10.0, most=None)
    assert not lookout.due(10.09, bell_works=False)
    assert lookout.due(10.11, bell_works=False)


def test_ring_makes_a_look_due() -> None:
    """The bell is answered at once, and one look answers it."""
    lookout = Lookout(0.1)
    lookout.looked(got=0, wanted=8, now=0.0, most=POLL_MOST)
    lookout.rung = True
    assert lookout.due(0.0, bell_works=True)
    lookout.looked(got=0, wanted=8, now=0.0, most=POLL_MOST)
    assert not lookout.due(0.0, bell_works=True)


def test_looks_become_rare_while_the_bell_works() -> None:
    """Empty looks double their distance to five seconds; a job found brings it back to INTERVAL."""
    lookout = Lookout(0.1)
    now = 0.0
    for _ in range(20):
        lookout.looked(got=0, wanted=8, now=now, most=POLL_MOST)
        now = lookout.next_at(bell_works=True)
    assert lookout.next_at(bell_works=True) - now <= POLL_MOST
    lookout.looked(got=0, wanted=8, now=now, most=POLL_MOST)
    assert lookout.next_at(bell_works=True) == now + POLL_MOST
    lookout.looked(got=1, wanted=8, now=now, most=POLL_MOST)
    assert lookout.next_at(bell_works=True) == now + 0.1


def test_bell_that_fails_brings_the_next_look_forward() -> None:
    """A fetcher that meant to sleep five seconds polls at INTERVAL once the bell is dead."""
    lookout = Lookout(0.1)
    for _ in range(20):
        lookout.looked(got=0, wanted=8, now=0.0, most=POLL_MOST)
    assert lookout.next_at(bell_works=True) == POLL_MOST
    assert lookout.next_at(bell_works=False) == 0.1


def test_interval_of_nought_polls_while_the_last_jobs_run() -> None:
    """In a burst the looks are not in a tight loop."""
    assert Lookout(0).first == POLL_BURST


def test_queues_that_are_resumed_are_looked_at_once() -> None:
    """Still as empty ones, so that a ring at the same time has their names read anew."""
    lookout = Lookout(1.0)
    lookout.looked(got=0, wanted=8, now=100.0, most=POLL_MOST)
    lookout.reopened = True
    assert lookout.due(100.0, bell_works=True)
    assert lookout.empty
    lookout.looked(got=0, wanted=8, now=100.0, most=POLL_MOST)
    assert not lookout.due(100.1, bell_works=True)
