"""Where the fetcher sleeps."""

from __future__ import annotations

import os

from resqd.threads import Wake
from resqd.wire.doorbell import Bell
from resqd.worker.guard import Surroundings
from resqd.worker.poller import Sleeper


def test_fetcher_that_has_ended_leaves_its_descriptors_open() -> None:
    """The control thread's look at the descriptors finds them whole though the fetcher ended a moment ago."""
    wake, bell = Wake(), Bell()
    sleeper = Sleeper(wake=wake, bell=bell, fork=1)
    try:
        sleeper.sleep(0.0, listen=True)
        surroundings = Surroundings(sleeper.descriptors())
        sleeper.close()
        surroundings.check()
        assert bell.idle() == 0
    finally:
        sleeper._poll.close()  # not by its number, which may be another's when it is collected
        for descriptor in {wake.descriptor, *bell.descriptors}:
            os.close(descriptor)


def test_ring_of_the_doorbell_ends_the_sleep() -> None:
    """A listening fetcher is woken by the bell, takes its ring, and one that does not listen is left alone."""
    wake, bell = Wake(), Bell()
    sleeper = Sleeper(wake=wake, bell=bell, fork=1)
    try:
        bell.ring()
        assert not sleeper.sleep(0.0, listen=False)
        assert sleeper.sleep(1.0, listen=True)
        assert not sleeper.sleep(0.0, listen=True)
    finally:
        sleeper._poll.close()  # not by its number, which may be another's when it is collected
        for descriptor in {wake.descriptor, *bell.descriptors}:
            os.close(descriptor)
