"""The keepers of several shards as one: their orders, and their accounts."""

from queue import SimpleQueue
from typing import Any, cast

from resqd.clock import monotonic
from resqd.housekeeper.farewells import Farewells
from resqd.housekeeper.keepers import Accounts, Keepers, Shift
from resqd.wire.messages import Alive, Death, Farewell, Message, Settled, Upkeep


class Kept:
    """Takes the place of a keeper."""

    def __init__(self, stuck: float = 0.0) -> None:
        self.orders: SimpleQueue[Any] = SimpleQueue()
        self.left: list[bool] = []
        self._stuck = stuck

    def run(self) -> None:
        self.orders.put("ran")

    def leave(self, *, final: bool) -> None:
        self.left.append(final)

    def stuck_for(self) -> float:
        return self._stuck


def death(fork: int, shard: int) -> Death:
    return Death(fork, 1, (), (), blamed=True, probation=False, reason="", shard=shard)


def shifts(*keepers: Kept) -> list[Shift]:
    return [Shift(cast("Any", keeper), Farewells(clock=lambda: 0.0)) for keeper in keepers]


def test_each_is_told_of_the_deaths_on_its_shard_alone() -> None:
    """So that a death is settled without those shards that it has nothing to do with."""
    two = Kept(), Kept()
    deaths = death(4, 0), death(5, 1), death(6, 1)
    Keepers(shifts(*two), clock=monotonic).order(Alive(6, (1,), deaths))
    assert [keeper.orders.get().deaths for keeper in two] == [deaths[:1], deaths[1:]]


def test_all_start_end_and_hear_last_words() -> None:
    two = Kept(stuck=1.0), Kept(stuck=3.0)
    made = shifts(*two)
    keepers = Keepers(made, clock=monotonic)
    keepers.start()
    keepers.hear(Farewell(7, "", (1,)))
    keepers.leave(5.0, final=True)
    assert [keeper.orders.get() for keeper in two] == ["ran", "ran"]
    assert [keeper.left for keeper in two] == [[True], [True]]
    assert keepers.stuck_for() == 3.0
    assert all(shift.farewells.of(7) for shift in made)


def test_one_account_is_made_of_all() -> None:
    """A shard that is away is told, and has no suspects to run; those of the others are."""
    told: list[Message] = []
    accounts = Accounts(2, told.append)
    accounts.voice(0)(Upkeep("ok", 1.0, 2, {"q": 1}))
    accounts.voice(1)(Upkeep("ok", 2.0, 3, {"q": 1, "r": 1}))
    assert told[-1] == Upkeep("ok", 2.0, 5, {"q": 2, "r": 1}, (2, 3))
    accounts.voice(0)(Upkeep("h does not answer", 5.0, 2, {"q": 1}))
    assert told[-1] == Upkeep("h does not answer", 5.0, 3, {"q": 1, "r": 1}, (0, 3))
    settled: Message = Settled((9,))
    accounts.voice(1)(settled)
    assert told[-1] is settled


def test_one_shard_speaks_for_itself() -> None:
    told: list[Message] = []
    account = Upkeep("ok", 1.0, 2)
    Accounts(1, told.append).voice(0)(account)
    assert told == [account]
