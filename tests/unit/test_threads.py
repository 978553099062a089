"""The fetcher's wake: no ring is ever lost."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from resqd.threads import Wake


@pytest.fixture
def wake() -> Iterator[Wake]:
    made = Wake()
    yield made
    os.close(made.descriptor)


def readable(wake: Wake) -> bool:
    return bool(select.select([wake.descriptor], [], [], 0)[0])


def test_many_rings_are_one_until_the_fetcher_wakes(wake: Wake) -> None:
    """Rings before the fetcher looks cost one write, and one look takes them all."""
    for _ in range(3):
        wake.ring()
    assert os.eventfd_read(wake.descriptor) == 1


def test_ring_ends_the_next_sleep_after_a_look(wake: Wake) -> None:
    """After each look the next ring is written again."""
    for _ in range(3):
        wake.ring()
        assert readable(wake)
        wake.clear()
        assert not readable(wake)


def test_ring_in_the_middle_of_a_look_does_not_silence_later_ones(
    wake: Wake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that rings just before or just after the counter is read leaves the wake able to ring."""
    read = os.eventfd_read

    def read_amid_rings(descriptor: int) -> int:
        wake.ring()
        count = read(descriptor)
        wake.ring()
        return count

    monkeypatch.setattr(os, "eventfd_read", read_amid_rings)
    wake.clear()
    wake.ring()
    assert readable(wake)


def test_look_without_a_ring_is_harmless(wake: Wake) -> None:
    """The fetcher may look though nobody has rung."""
    wake.clear()
    wake.ring()
    assert readable(wake)
