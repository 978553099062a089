"""What is wrong now, in words, and since when."""

from dataclasses import replace

from resqd.store.names import WorkerId
from resqd.store.resque.workers import WorkerStatus
from resqd.web.data.samples import Rates
from resqd.web.data.snapshot import Host, Queue, Snapshot
from resqd.web.data.wrong import BEHIND, OVER_FOR, Fault, Memory, faults

QUIET = Rates(None, None)


def host(name: str, *, silent_for: float = 1.0) -> Host:
    """A daemon."""
    status = WorkerStatus(None, WorkerId.parse(f"{name}:1:*:1:1:1"), None, None, ours=True)  # type: ignore[arg-type] # none is asked
    return Host(status, silent_for, silent_for > 10, ())


def look(*queues: Queue, hosts: tuple[Host, ...] = (host("a"),)) -> Snapshot:
    """What was seen at second 1,000."""
    return Snapshot(1_000.0, queues, hosts, 0, 0, 0, 0.0)


def said(found: list[Fault]) -> list[str]:
    """Each fault's bold part."""
    return [f"{fault.before}{fault.subject}{fault.after}" for fault in found]


def test_a_quiet_fleet_has_no_fault() -> None:
    """Empty queues, and those that somebody works on."""
    assert faults(look(Queue("a", 0, None, 0, 0), Queue("b", 9, 999.0, 1, 1)), QUIET) == []


def test_a_shard_that_is_away_is_told_first() -> None:
    """What is there is not among the numbers, and somebody must know why."""
    away = replace(look(Queue("q", 3, None, 0, 0)), away=("redis://b:6379",))
    assert said(faults(away, QUIET)) == ["A shard does not answer: redis://b:6379.", "Nobody works on q:"]


def test_queues_without_workers_are_named_longest_first_and_then_counted() -> None:
    """A thousand of them are no thousand sentences."""
    alone = [Queue(f"q{size}", size, None, 0, 0) for size in range(1, 9)]
    assert said(faults(look(*alone), QUIET)) == [
        "Nobody works on q8:",
        "Nobody works on q7:",
        "Nobody works on q6:",
        "Nobody works on 5 other queues:",
    ]


def test_a_queue_is_behind_when_its_oldest_waits_long() -> None:
    """While somebody works on it."""
    late = Queue("billing", 2, 1_000 - BEHIND - 1, 1, 3)
    (fault,) = faults(look(late), QUIET)
    assert said([fault]) == ["billing is behind:"]
    assert fault.rest == "2 jobs wait, the oldest for 5 min 01 s. 3 threads work on it."


def test_silent_daemons_and_failing_jobs_are_told() -> None:
    """From a tenth of the jobs on, and five at least."""
    found = faults(look(hosts=(host("a", silent_for=22.0),)), Rates(1.0, 0.5, ended=40, failures=5))
    assert said(found) == ["a has been silent for 22 s.", "Jobs fail at 12%:"]
    assert faults(look(), Rates(1.0, 0.5, ended=8, failures=4)) == []
    assert faults(look(), Rates(1.0, 0.5, ended=51, failures=5)) == []


def test_a_fault_has_its_time_and_is_told_for_a_minute_after_it() -> None:
    """One that comes back within it begins anew."""
    memory = Memory()
    fault = faults(look(Queue("q", 1, None, 0, 0)), QUIET)[0]
    steps = [
        (0.0, True),
        (50.0, True),
        (60.0, False),
        (100.0, False),
        (110.0, True),
        (120.0, False),
        (121.0 + OVER_FOR, False),
    ]
    told = [
        [(each.since, each.over) for each in memory.told([fault] if there else [], at)] for at, there in steps
    ]
    assert told == [
        [(0.0, False)],
        [(0.0, False)],
        [(60.0, True)],
        [(60.0, True)],
        [(110.0, False)],
        [(120.0, True)],
        [],
    ]
