"""What workers had ended, as the inquest asks for it."""

from resqd.housekeeper.farewells import KEPT_FOR, Farewells
from resqd.wire.messages import Farewell


def test_it_tells_which_jobs_had_ended() -> None:
    """Of the fork that is asked for; nothing of one that said nothing."""
    kept = Farewells(clock=lambda: 100.0)
    kept.take(Farewell(3, "4-5", (7,)))
    words = kept.of(3)
    assert words is not None
    assert [words.ended(seq << 16) for seq in (3, 4, 5, 6)] == [False, True, True, False]
    assert words.dismissed == {7}
    assert kept.of(4) is None


def test_old_ones_are_forgotten_when_told_to() -> None:
    """Not by themselves: an outage may last longer, and then they are needed."""
    now = 100.0
    kept = Farewells(clock=lambda: now)
    kept.take(Farewell(3, "1", ()))
    now += KEPT_FOR + 1
    kept.take(Farewell(4, "1", ()))
    assert kept.of(3) is not None
    kept.forget()
    assert kept.of(3) is None
    assert kept.of(4) is not None
