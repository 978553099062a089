from collections.abc import Iterator

import pytest

from resqd import events
from resqd.errors import StoreUnavailable
from resqd.housekeeper.slow_sweep import APART, LOOK_EVERY, PAUSE, TURN, SlowSweep


class Place:
    """In place of Redis: locks, and in each step of a scan the jobs that it finds. Each step takes so many seconds."""

    def __init__(self, *scans: bytes, step: float = 0.0) -> None:
        self.now = 0.0
        self.scans = list(scans)
        self.step = step
        self.released: list[bytes] = []
        self.claimed = 0

    def claim(self, owner: str, seconds: int) -> bool:
        self.claimed += 1
        return (owner, seconds) == ("d", 3600)

    def old(self, age: float) -> dict[bytes, bytes]:
        assert age == 600.0
        return {b"a": b"1 x", b"b": b"1 y"}

    def scan(self, absent: dict[bytes, bytes]) -> Iterator[None]:
        for found in self.scans.pop(0):
            absent.pop(bytes([found]), None)
            self.now += self.step
            yield

    def release(self, locks: dict[bytes, bytes]) -> int:
        self.released += locks
        return len(locks)


def sweep_of(place: Place, owner: str = "d") -> SlowSweep[dict[bytes, bytes]]:
    told = events.Housekeeper.locks_released
    return SlowSweep(sweep=place, told=told, owner=owner, clock=lambda: place.now)


def test_only_what_is_absent_from_both_scans_goes() -> None:
    place = Place(b"a", b"")
    sweep = sweep_of(place)
    sweep.turn()
    assert (sweep.wait(), place.released) == (APART, [])
    sweep.turn()
    assert (sweep.wait(), place.released) == (LOOK_EVERY, [b"b"])


def test_one_scan_that_finds_all_is_enough() -> None:
    place = Place(b"ab")
    sweep = sweep_of(place)
    for _ in range(2):
        sweep.turn()
    assert (place.released, place.scans, place.claimed) == ([], [], 1)


def test_a_long_scan_rests_now_and_then() -> None:
    place = Place(b"____", b"____", step=TURN * 0.6)
    sweep, waits = sweep_of(place), []
    while not place.released:
        sweep.turn()
        waits.append(sweep.wait())
    assert waits == [PAUSE, PAUSE, APART, PAUSE, PAUSE, LOOK_EVERY]


def test_another_daemon_may_be_at_it() -> None:
    place = Place()
    sweep_of(place, "other").turn()
    assert (place.claimed, place.released) == (1, [])


def test_after_an_error_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(b"_", b"_", b"_")

    def fail(_absent: dict[bytes, bytes]) -> Iterator[None]:
        raise StoreUnavailable("away")

    sweep = sweep_of(place)
    sweep.turn()
    with monkeypatch.context() as patch:
        patch.setattr(place, "scan", fail)
        with pytest.raises(StoreUnavailable):
            sweep.turn()
    sweep.turn()
    assert (sweep.wait(), place.claimed) == (APART, 2)
