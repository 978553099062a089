"""The bell that all processes inherit: flags, rings and what fetchers tell."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from resqd.wire.doorbell import Asked, Bell, Bells


@pytest.fixture
def bell() -> Iterator[Bell]:
    bell = Bell()
    yield bell
    for descriptor in bell.descriptors:
        os.close(descriptor)


def test_flags_are_counted(bell: Bell) -> None:
    """Each fork has a flag of its own; setting it says what it was."""
    assert not bell.set_idle(1, idle=True)
    assert not bell.set_idle(2, idle=True)
    assert bell.set_idle(1, idle=True)
    assert bell.idle() == 2
    assert bell.set_idle(1, idle=False)
    assert bell.idle() == 1
    assert bell.any_idle()


def test_a_bell_that_works_is_no_idle_fetcher(bell: Bell) -> None:
    """What else lies in the page is not taken for a flag; the last flag is."""
    bell.vouch()
    bell.answer(found=True)
    assert not bell.any_idle()
    bell.set_idle(4079, idle=True)
    assert bell.any_idle()


def test_the_same_bell_is_made_of_its_descriptors(bell: Bell) -> None:
    """A master that execs itself finds flags and rings as they were."""
    bell.set_idle(7, idle=True)
    bell.vouch()
    bell.ring()
    again = Bell(bell.descriptors)
    assert (again.idle(), again.works, again.pending) == (1, True, True)


def test_one_ring_wakes_one(bell: Bell) -> None:
    """Who comes second finds nothing to take."""
    bell.ring()
    assert bell.pending
    assert bell.take()
    assert not bell.take()
    assert not bell.pending


def test_vain_rings_and_waiting_fetchers_are_told_apart(bell: Bell) -> None:
    """Both come through one descriptor and are counted each; finds are counted in the page."""
    bell.want()
    bell.want()
    bell.answer(found=False)
    bell.answer(found=True)
    assert bell.asked() == Asked(waiting=2, vain=1)
    assert bell.asked() == Asked(waiting=0, vain=0)
    assert bell.found == 1


def test_a_bell_that_fails_wakes_every_idle_fetcher(bell: Bell) -> None:
    """Two fetchers that sleep on it both wake, each once, and see that it does not work."""
    bell.vouch()
    sleepers = []
    for fork in (1, 2):
        bell.set_idle(fork, idle=True)
        poll = select.epoll()
        poll.register(bell.rung, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        sleepers.append(poll)
    bell.fail()
    assert not bell.works
    for poll in sleepers:
        assert poll.poll(1.0)
        assert bell.take()
        poll.close()
    assert not bell.pending


def test_each_shard_has_a_bell_and_a_reload_keeps_them() -> None:
    """A ring for one shard wakes nobody of another; one more shard than before gets a bell of its own."""
    bells = Bells(2)
    again = Bells(3, bells.descriptors)
    bells.each[1].ring()
    assert [bell.pending for bell in again.each] == [False, True, False]
    for bell in bells.each:
        bell.vouch()
    again.fail()
    assert not any(bell.works for bell in again.each)
    for descriptor in again.descriptors:
        os.close(descriptor)
