"""The worker's part of stopping a job: one interrupt, and one more at half of the grace."""

from typing import cast

from resqd.store.resque.payload import Payload, decode
from resqd.text import shown
from resqd.worker.interrupt import MOST, Slot
from resqd.worker.ladder import Alarm, Ladder


class Target:
    """Takes the place of a slot."""

    def __init__(self, token: int, job_id: str) -> None:
        self.token = token
        self.open = True
        self.payload: Payload | None = decode(b'{"class":"A","args":[],"id":"%s"}' % job_id.encode())
        self.struck: list[int] = []
        self.timed = (0, 0.0)
        self.late = False

    @property
    def deadline(self) -> float | None:
        return self.timed[1] if self.timed[0] == self.token else None

    def interrupt(self, token: int, *, late: bool = False) -> bool:
        if self.open and self.token == token:
            self.struck.append(token)
            self.late = late
            return True
        return False


def ladder_of(*targets: Target) -> Ladder:
    return Ladder(slots=[cast(Slot, target) for target in targets], grace=4.0)


def test_a_job_is_struck_once_and_again_at_half_of_the_grace() -> None:
    """However often the order is repeated."""
    target = Target(7, "a")
    ladder = ladder_of(target)
    assert ladder.kill_all(10.0) == [("a", 7)]
    assert ladder.kill_all(10.5) == []
    assert ladder.next_at() == 12.0
    ladder.tick(11.9)
    assert target.struck == [7]
    ladder.tick(12.0)
    assert target.struck == [7, 7]
    assert ladder.next_at() is None
    assert ladder.kill_all(13.0) == []


def test_a_job_that_began_later_is_another_one() -> None:
    """The second interrupt of the first is refused by the slot; an order for the new one strikes it."""
    target = Target(7, "a")
    ladder = ladder_of(target)
    ladder.kill_all(10.0)
    target.token = 8
    ladder.tick(12.0)
    assert target.struck == [7]
    assert ladder.kill_all(12.0) == [("a", 8)]


def test_a_job_is_found_by_what_is_shown_of_its_id() -> None:
    """That is what people type; an id that is empty or blank is nobody's, not even of one that has none."""
    odd, long, empty, blank = (
        Target(7 + n, each) for n, each in enumerate(("\\ud800", "x" * 70_000, "", " "))
    )
    ladder = ladder_of(odd, long, empty, blank)
    assert odd.payload is not None
    assert odd.payload.id == "\ud800"
    assert [ladder.kill(each, 10.0) for each in ("\\ud800", shown("x" * 70_000), "", " ")] == [7, 8, 0, 0]
    assert (empty.struck, blank.struck) == ([], [])
    assert ladder.kill_all(10.0) == [("", 9), (" ", 10)]


def test_a_job_is_found_by_its_id() -> None:
    """Its token is told each time that it is asked for while it runs."""
    first, second = Target(7, "a"), Target(8, "b")
    ladder = ladder_of(first, second)
    assert [ladder.kill(job_id, 10.0) for job_id in ("b", "b", "c")] == [8, 8, 0]
    assert (first.struck, second.struck) == ([], [8])
    assert [ladder.kill(nobody, 10.0) for nobody in ("", " ", "\n")] == [0, 0, 0]
    second.open = False
    assert ladder.kill("b", 11.0) == 0


def test_a_stop_spares_all_but_what_was_to_be_killed_before() -> None:
    """They are named before they are struck, so that their threads find it said."""
    first, second = Target(7, "a"), Target(8, "b")
    spared: set[int] = set()
    ladder = Ladder(slots=[cast(Slot, first), cast(Slot, second)], grace=4.0, spared=spared)
    ladder.kill("a", 10.0)
    ladder.kill_all(11.0, spare=True)
    assert spared == {8}
    assert (first.struck, second.struck) == ([7], [8])


def test_a_job_is_struck_when_its_time_is_over() -> None:
    """Once, and again at half of the grace; the deadline of the job before it on the thread is not its own."""
    target, other = Target(7, "a"), Target(8, "b")
    target.timed, other.timed = (7, 20.0), (6, 15.0)
    ladder = ladder_of(target, other)
    assert ladder.next_at() == 20.0
    assert ladder.overdue(19.9) == []
    assert ladder.overdue(20.0) == [("a", 7)]
    assert target.late
    assert ladder.overdue(20.1) == []
    assert ladder.next_at() == 22.0
    ladder.tick(22.0)
    assert (target.struck, other.struck) == ([7, 7], [])


def test_who_was_killed_first_is_not_late() -> None:
    """The first reason to stop a job is what is recorded of it."""
    slot = Slot()
    slot.begin(7, "q")
    slot.interrupts = MOST  # nothing is raised here
    assert slot.interrupt(7)
    assert slot.interrupt(7, late=True)
    assert slot.overrun != 7
    slot.begin(8, "q")
    slot.interrupts = MOST
    assert slot.interrupt(8, late=True)
    assert slot.interrupt(8)
    assert slot.late
    slot.begin(9, "q")
    assert slot.overrun == 8 != slot.token


def test_the_alarm_rings_only_where_the_control_thread_would_sleep_too_long() -> None:
    """While it is awake, always: it may have looked at the deadlines already."""
    alarm, rung = Alarm(), []
    alarm.ring = lambda: rung.append(alarm.awake_at)
    alarm.set(5.0)
    alarm.awake_at = 10.0
    alarm.set(10.0)
    alarm.set(9.9)
    assert rung == [float("inf"), 10.0]
