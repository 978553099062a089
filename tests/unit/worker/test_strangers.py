"""What becomes of jobs that are not known here: by who may know them, and how often they came."""

import json
from collections.abc import Sequence

from resqd.errors import StoreUnavailable
from resqd.retry import Elsewhere
from resqd.store.resque.knowers import KEPT_OWN, Knower
from resqd.store.resque.payload import Payload, decode
from resqd.worker.strangers import BRAKE, EVEN, LOOK_EVERY, MOST_PASSES, Strangers, delay, put_off

MAIL = frozenset({"Mail"})


def job(passed: int = 0, name: str = "Mail") -> Payload:
    head = f'"passed":{passed},' if passed else ""
    return decode(f'{{{head}"class":{json.dumps(name)},"args":[]}}'.encode())


def goes_back(*knowers: Knower, passed: int = 0) -> bool:
    return put_off(knowers, app="own", queue="low", job_class="Mail", passed=passed)


def test_it_goes_back_where_somebody_who_serves_the_queue_knows_it() -> None:
    """However often; and for a while where somebody may know it, which our own application's daemons do not."""
    assert not goes_back()
    assert goes_back(Knower("other", ("l*",), MAIL), passed=10 * MOST_PASSES)
    assert not goes_back(Knower("other", ("high",), MAIL))
    assert not goes_back(Knower("other", ("*",), frozenset({"Post"})))
    assert goes_back(Knower("", ("*",), None), passed=MOST_PASSES - 1)
    assert not goes_back(Knower("", ("*",), None), passed=MOST_PASSES)
    assert not goes_back(Knower("own", ("*",), None))


def test_a_deploy_of_our_own_is_waited_for_shortly() -> None:
    """A class that the application has lost must fail before long; another application may come back."""
    assert goes_back(Knower("own", ("*",), MAIL, KEPT_OWN))
    assert not goes_back(Knower("own", ("*",), MAIL, KEPT_OWN + 1))
    assert goes_back(Knower("other", ("*",), MAIL, KEPT_OWN + 1))


def test_delays_grow_from_2_to_30_seconds() -> None:
    assert [delay(0, 0), delay(0, 1), delay(9_999, 0), delay(9_999, 1)] == [2, 4, 15, 30]
    assert [delay(EVEN + more, 1) for more in range(5)] == [4, 8, 16, 30, 30]


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0
        self.slept: list[float] = []
        self.answer: Sequence[Knower] | None = [Knower("other", ("*",), MAIL)]
        self.strangers = Strangers(
            app="own",
            look=self.look,
            clock=lambda: self.now,
            sleep=self.slept.append,
            draw=lambda: 1.0,
        )

    def look(self) -> Sequence[Knower]:
        self.looks += 1
        if self.answer is None:
            raise StoreUnavailable("away")
        return self.answer


def test_one_look_is_good_for_a_while_and_each_job_put_back_brakes() -> None:
    """One that fails at once costs nothing."""
    scene = Scene()
    assert scene.strangers.judge(job(), "q") == Elsewhere(4.0)
    assert scene.strangers.judge(job(passed=1), "q") == Elsewhere(4.0)
    assert scene.strangers.judge(job(name="None"), "q") is None
    assert (scene.looks, scene.slept) == (1, [BRAKE, BRAKE])
    scene.now, scene.answer = LOOK_EVERY, []
    assert scene.strangers.judge(job(), "q") is None
    assert scene.looks == 2


def test_where_nobody_can_look_a_job_is_not_lost() -> None:
    """It is looked for again with the next job, and not in 30 seconds."""
    scene = Scene()
    scene.answer = None
    assert scene.strangers.judge(job(), "q") == Elsewhere(4.0)
    scene.answer = []
    assert scene.strangers.judge(job(), "q") is None
