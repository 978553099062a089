"""What the housekeeper does about a failover."""

from resqd.errors import StoreUnavailable
from resqd.housekeeper.failover import FailoverWatch
from resqd.wire.messages import Message, Relocated


class Scripted:
    """A watch that hears of a failover, or fails, at each call."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = list(outcomes)

    def wait(self) -> None:
        if (error := self._outcomes.pop(0)) is not None:
            raise error


def test_a_failover_is_told_and_own_links_are_dropped() -> None:
    """A watch that fails is only tried again: that Redis is away others tell."""
    said: list[Message] = []
    dropped: list[str] = []
    slept: list[float] = []
    failovers = FailoverWatch(
        watch=Scripted(StoreUnavailable("away"), OSError("closed"), None),
        say=said.append,
        drops=[lambda: dropped.append("keeper"), lambda: dropped.append("bell")],
        sleep=slept.append,
    )
    for _ in range(3):
        failovers.listen()
    assert said == [Relocated()]
    assert dropped == ["keeper", "bell"]
    assert len(slept) == 2
