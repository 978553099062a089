"""When delayed jobs of Ruby's are ours to move, and where each goes."""

import json
from collections.abc import Callable
from typing import cast

from resqd.housekeeper.scheduler import LOOK_EVERY, SHARE, Absence, Judge, Scheduler
from resqd.store.keys import Keys
from resqd.store.scheduler.promotion import Move, Moved, Promotion, Sight

FREE = Sight("", None, None, None)


def watch(
    absence: Absence, *, since: float, until: float, held: bool, expires_in: float | None = None
) -> bool:
    """Look every five seconds; what the last look said."""
    verdict = False
    now = since
    while now <= until:
        verdict = absence.look(held=held, expires_in=expires_in, now=now)
        now += LOOK_EVERY
    return verdict


def test_while_a_scheduler_holds_the_lock_none_is_absent() -> None:
    """However long it takes."""
    assert not watch(Absence(), since=0, until=1000, held=True, expires_in=178)


def test_a_lock_that_ran_out_is_proof_enough() -> None:
    """Nobody has renewed it for 180 s."""
    absence = Absence()
    watch(absence, since=0, until=10, held=True, expires_in=175)
    for now in range(15, 185, 5):
        assert not absence.look(held=True, expires_in=185 - now, now=now)
    assert absence.look(held=False, expires_in=None, now=185)


def test_a_lock_that_was_let_go_may_be_taken_again_soon() -> None:
    """A scheduler is deployed: its successor comes within the time that the lock would have held."""
    absence = Absence()
    watch(absence, since=0, until=10, held=True, expires_in=175)
    assert not watch(absence, since=15, until=190, held=False)
    assert absence.look(held=False, expires_in=None, now=195)


def test_after_a_gap_between_looks_it_is_counted_anew() -> None:
    """Redis was away: a scheduler may have come and gone meanwhile."""
    absence = Absence()
    assert watch(absence, since=0, until=200, held=False)
    assert not absence.look(held=False, expires_in=None, now=300)
    assert not watch(absence, since=305, until=475, held=False)
    assert absence.look(held=False, expires_in=None, now=480)


JUDGE = Judge(
    keys=Keys(), worker_id="host:1:*:1:1:1", queue_of={"Known": "mail"}.get, wall=lambda: 1_700_000_000.5
)


def test_a_due_job_goes_to_its_queue_with_an_id() -> None:
    """The arguments stay."""
    move = JUDGE(b'{"class":"A","args":[1,{"b":"\xc3\xa9"}],"queue":"low"}')
    assert (move.target, move.queue) == ("resque:queue:low", "low")
    pushed = json.loads(move.pushed)
    assert len(pushed.pop("id")) == 32
    assert pushed == {"class": "A", "args": [1, {"b": "é"}], "generation": 1, "enqueued_at": 1_700_000_000.5}


def test_a_job_without_a_queue_goes_to_that_of_its_class() -> None:
    """Ruby loses it where it does not know the class."""
    assert JUDGE(b'{"class":"Known","args":[]}').queue == "mail"


def test_what_cannot_be_queued_is_recorded_in_failed() -> None:
    """With its bytes."""
    for raw, error in ((b'{"class":"Other","args":[3]}', "names no queue"), (b"{", "not JSON")):
        move = JUDGE(raw)
        assert (move.payload, move.target, move.queue) == (raw, "resque:failed", "")
        record = json.loads(move.pushed)
        assert error in record["error"]
        assert record["failed_at"] == "2023/11/14 22:13:20 UTC"
    assert json.loads(JUDGE(b'{"class":"Other","args":[3]}').pushed)["payload"] == {
        "class": "Other",
        "args": [3],
    }


class Jobs:
    """In place of Redis: what each look shows, and how many jobs each moment has."""

    def __init__(self, sight: Callable[[], Sight]) -> None:
        self.sight = sight
        self.looks = 0
        self.promoted: list[int] = []
        self.answer = Moved(1, 0, 0, "")

    def look(self) -> Sight:
        self.looks += 1
        return self.sight()

    def promote(self, timestamp: int, now: float, judge: Callable[[bytes], Move]) -> Moved:
        del now, judge
        self.promoted.append(timestamp)
        return self.answer


def scheduler(jobs: Jobs, clock: Callable[[], float], own: str = "us:1") -> Scheduler:
    return Scheduler(promotion=cast("Promotion", jobs), judge=JUDGE, own=own, clock=clock)


def test_nothing_delayed_is_looked_for_every_five_seconds() -> None:
    """However often it is asked to tend."""
    now = [0.0]
    jobs = Jobs(lambda: Sight("us:1", 180, None, None))
    one = scheduler(jobs, lambda: now[0])
    for second in range(20):
        now[0] = float(second)
        one.tend()
    assert (jobs.looks, jobs.promoted) == (4, [])


def test_it_looks_again_when_the_next_job_is_due() -> None:
    """By Redis's clock: what it shows is 98 s later than ours."""
    now = [2.0]
    jobs = Jobs(lambda: Sight("us:1", 180, 103, now[0] + 98.0) if not jobs.promoted else FREE)
    one = scheduler(jobs, lambda: now[0])
    one.tend()
    now[0] = 4.9
    one.tend()
    assert (jobs.looks, jobs.promoted) == (1, [])
    now[0] = 5.0
    one.tend()
    assert jobs.promoted == [103]


def test_much_that_is_due_leaves_the_other_duties_their_turn() -> None:
    """After half a second; and it goes on right after."""
    now = [0.0]

    def look() -> Sight:
        now[0] += 0.1
        return Sight("us:1", 180, 50, 100.0)

    jobs = Jobs(look)
    one = scheduler(jobs, lambda: now[0])
    one.tend()
    assert 1 < len(jobs.promoted) <= SHARE * 10 + 1
    count = len(jobs.promoted)
    one.tend()
    assert len(jobs.promoted) > count


def test_what_another_holds_is_not_moved() -> None:
    """Nor where nobody holds the lock, and a Ruby scheduler may come yet."""
    for own, holder in (("us:1", "them:2"), ("", "them:2"), ("", "")):
        jobs = Jobs(lambda holder=holder: Sight(holder, 180 if holder else None, 50, 100.0))  # type: ignore[misc] # mypy cannot type a default
        scheduler(jobs, lambda: 0.0, own).tend()
        assert jobs.promoted == []


def test_a_refusal_is_not_tried_over_and_over() -> None:
    """The other duties come first."""
    jobs = Jobs(lambda: Sight("us:1", 180, 50, 100.0))
    jobs.answer = Moved(0, 1, 1, "")
    scheduler(jobs, lambda: 0.0).tend()
    assert jobs.promoted == [50]
