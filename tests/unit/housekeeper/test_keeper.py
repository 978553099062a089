"""The keeper's rounds without a thread: its orders come from a script, whose pauses move the clock."""

from collections.abc import Callable
from itertools import pairwise
from queue import Empty

from resqd.errors import StoreError, StoreRefused, StoreUnavailable
from resqd.housekeeper.keeper import Duty, Keeper, Settling
from resqd.store.inflight.recovery import Waiting
from resqd.store.redis.health import Backoff, Health
from resqd.wire.messages import Alive, Message, Settled, Upkeep

ACCOUNT = Alive(3, (1, 2), ())


class Scene:
    """Plays Redis, the master and time: `script` holds seconds until an order comes, and the order."""

    def __init__(self, *script: tuple[float, Alive]) -> None:
        self.now = 100.0
        self.script = list(script)
        self.until = 110.0
        self.said: list[Message] = []
        self.done: list[tuple[str, float]] = []
        self.trouble: dict[str, Exception] = {}
        self.suspects = 0
        health = Health(where="there", clock=lambda: self.now)
        self.keeper = Keeper(
            duties=[Duty(2.0, self.work("beat")), Duty(3.0, self.work("watch"))],
            settling=Settling(
                recover=lambda _alive: self.recover(),
                suspects=lambda: Waiting(self.suspects, {}),
                health=health,
                say=self.said.append,
            ),
            last_words=self.work("last words"),
            farewell=self.work("farewell"),
            health=health,
            backoff=Backoff(lambda: 1.0),
            clock=lambda: self.now,
        )
        self.keeper.orders = self  # type: ignore[assignment] # only these two methods are used

    def work(self, name: str) -> Callable[[], None]:
        def do() -> None:
            self.done.append((name, round(self.now - 100, 3)))
            if name in self.trouble:
                raise self.trouble[name]

        return do

    def recover(self) -> Settled:
        self.work("recover")()
        return Settled((3,))

    def get(self, timeout: float) -> Alive | None:
        if self.script and self.script[0][0] <= self.now + timeout - 100:
            at, order = self.script.pop(0)
            self.now = max(self.now, 100 + at)
            return order
        self.now += timeout
        if self.now >= self.until:
            return None
        raise Empty

    def get_nowait(self) -> Alive | None:
        raise Empty

    def play(self, *, final: bool = True) -> None:
        self.keeper._final = final
        self.keeper.run()

    def times(self, name: str) -> list[float]:
        return [at for word, at in self.done if word == name]


def test_duties_are_done_at_their_times_and_orders_at_once() -> None:
    """Each duty in its own rhythm; an account of the master is acted on when it comes; the good-bye is last."""
    scene = Scene((0.5, ACCOUNT), (5.0, ACCOUNT))
    scene.play()
    assert scene.times("beat") == [0, 2, 4, 6, 8]
    assert scene.times("watch") == [0, 3, 6, 9]
    assert scene.times("recover") == [0.5, 5.0]
    assert scene.said.count(Settled((3,))) == 2
    assert scene.done[-1][0] == "farewell"


def test_an_outage_is_said_once_and_no_order_shortens_the_pause() -> None:
    """A refusal is tried at most once in 5 s, however often the master reports."""
    scene = Scene(*((at / 2, ACCOUNT) for at in range(1, 20)))
    scene.trouble["beat"] = StoreRefused("no")
    scene.play()
    assert scene.times("beat") == [0, 5]
    assert [said for said in scene.said if isinstance(said, Upkeep)] == [Upkeep("refused: no", 100.0, 0)]


def test_while_redis_is_away_the_pauses_stay_within_a_heartbeat() -> None:
    """Other hosts wait for our heartbeat when it is back."""
    scene = Scene()
    scene.trouble["beat"] = StoreUnavailable("away")
    scene.play()
    times = scene.times("beat")
    assert max(after - before for before, after in pairwise(times)) < 2.001
    assert scene.times("watch") == []


def test_what_one_duty_may_not_do_keeps_none_of_the_others_from_being_done() -> None:
    """A missing right for the registry stops neither recovery nor the watch over other hosts."""
    scene = Scene((0.0, ACCOUNT))
    scene.trouble["beat"] = StoreError("no right")
    scene.play()
    assert len(scene.times("watch")) > 1
    assert len(scene.times("recover")) == 1


def test_an_account_is_kept_until_it_has_been_acted_on() -> None:
    """A recovery that fails is repeated without being told again."""
    scene = Scene((0.0, ACCOUNT))
    scene.trouble["recover"] = StoreUnavailable("away")
    scene.play()
    assert len(scene.times("recover")) > 3
    assert not [said for said in scene.said if isinstance(said, Settled)]


def test_an_error_of_our_own_does_not_end_it() -> None:
    """Without this thread nobody would beat: it goes on with what it can do, and beats as often as ever."""
    scene = Scene((1.0, ACCOUNT))
    scene.trouble["recover"] = ZeroDivisionError("a defect")
    scene.play()
    assert scene.times("beat") == [0, 2, 4, 6, 8]
    assert scene.times("watch") == [0, 3, 6, 9]
    assert scene.times("recover") == [1, 6, 10]
    assert scene.times("farewell") == [10]


def test_what_fails_by_a_defect_is_not_tried_at_each_order() -> None:
    """Its own pause holds, however often the master reports."""
    scene = Scene(*((at / 2, ACCOUNT) for at in range(1, 20)))
    scene.trouble["recover"] = RuntimeError("the application's")
    scene.play()
    assert scene.times("recover") == [0.5, 5.5, 10]


def test_a_refused_duty_slows_no_heartbeat() -> None:
    """Redis refuses recovery for want of a right: that waits 5 s for a person, the heartbeat its 2 s as ever."""
    scene = Scene((0.0, ACCOUNT))
    scene.trouble["recover"] = StoreRefused("no right")
    scene.play()
    assert scene.times("beat") == [0, 2, 4, 6, 8]
    assert scene.times("recover") == [0, 5, 10]
    assert [said for said in scene.said if isinstance(said, Upkeep)] == [
        Upkeep("ok", 100.0, 0),
        Upkeep("refused: no right", 100.0, 0),
    ]


def test_the_heartbeat_comes_before_what_the_master_asks() -> None:
    """What an application's code does to recovery takes nothing from it."""
    scene = Scene((4.0, ACCOUNT))
    scene.play()
    at_four = [word for word, at in scene.done if at == 4]
    assert at_four == ["beat", "recover"]


def test_a_count_of_suspects_is_said_again_though_it_is_the_same() -> None:
    """The master counts down when it forks a probation worker; the same number again is news to it."""
    scene = Scene((0.5, ACCOUNT), (1.0, ACCOUNT))
    scene.suspects = 1
    scene.play()
    assert [said.suspects for said in scene.said if isinstance(said, Upkeep)] == [0, 1, 1]


def test_a_housekeeper_that_is_replaced_says_no_good_bye() -> None:
    """At a reload the daemon stays registered."""
    scene = Scene()
    scene.play(final=False)
    assert scene.times("farewell") == []


def test_it_knows_for_how_long_it_has_been_at_one_work() -> None:
    """The control thread vouches for it by that; while it waits for orders it is not stuck."""
    scene, found = Scene((0.0, ACCOUNT)), []

    def hang() -> None:
        scene.now += 4
        found.append(scene.keeper.stuck_for())

    scene.keeper._works[1].action = hang
    scene.until = 103.0
    scene.play()
    assert found[0] == 4
    assert scene.keeper.stuck_for() == 0


class Told:
    """What a Settling says, and what Redis answers it."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.waiting = Waiting(0, {})
        self.settled: Settled | None = Settled((3,))
        self.health = Health(where="there", clock=lambda: 100.0)
        self.settling = Settling(
            recover=lambda _alive: self.settled,
            suspects=lambda: self.waiting,
            health=self.health,
            say=self.said.append,
        )


def test_what_nobody_asked_for_is_not_settled() -> None:
    """Without an account there is nothing to do; with one, once."""
    told = Told()
    due = [told.settling.due]
    told.settling.settle()
    assert told.said == []
    told.settling.take(ACCOUNT)
    due.append(told.settling.due)
    told.settling.settle()
    assert [*due, told.settling.due] == [False, True, False]
    assert told.said == [Upkeep("ok", 100.0, 0), Settled((3,))]


def test_suspects_are_counted_again_as_long_as_some_were_told() -> None:
    """Also when the account is the last one again, so that nothing was looked at: they may be gone."""
    told = Told()
    told.waiting = Waiting(2, {"slow": 1})
    for settled, waiting in ((Settled(()), told.waiting), (None, Waiting(0, {})), (None, Waiting(7, {}))):
        told.settled, told.waiting = settled, waiting
        told.settling.take(ACCOUNT)
        told.settling.settle()
    assert told.said == [Upkeep("ok", 100.0, 2, {"slow": 1}), Upkeep("ok", 100.0, 0)]


def test_news_of_redis_is_told_with_the_suspects_known() -> None:
    """A change of its health alone does not make the master forget them."""
    told = Told()
    told.waiting = Waiting(2, {})
    told.settling.take(ACCOUNT)
    told.settling.settle()
    told.health.bad(StoreUnavailable("there is away"))
    told.settling.report()
    told.settling.report()
    assert told.said[2:] == [Upkeep("there is away", 100.0, 2)]


def test_a_duty_may_say_when_it_is_due_next() -> None:
    """After each time it is asked; its interval is the most."""
    scene, waits, done = Scene(), iter([0.5, 1.0, 9.0, 9.0, 9.0]), list[float]()
    health = Health(where="there", clock=lambda: scene.now)
    scene.keeper = Keeper(
        duties=[Duty(3.0, lambda: done.append(scene.now - 100), "it", lambda: next(waits))],
        settling=Settling(
            recover=lambda _: None, suspects=lambda: Waiting(0, {}), health=health, say=scene.said.append
        ),
        last_words=lambda: None,
        farewell=lambda: None,
        health=health,
        backoff=Backoff(lambda: 1.0),
        clock=lambda: scene.now,
    )
    scene.keeper.orders = scene  # type: ignore[assignment] # only these two methods are used
    scene.until = 109.0
    scene.keeper.run()
    assert done[:4] == [0.0, 0.5, 1.5, 4.5]
