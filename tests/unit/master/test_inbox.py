"""What each message of a child changes in the fleet, and what of it the housekeeper is told."""

from dataclasses import replace
from typing import cast

import pytest

from resqd.master.child import NO_STATS, Child
from resqd.master.inbox import RELAY_EVERY, Inbox
from resqd.master.timeouts import MARGIN
from resqd.wire import messages
from resqd.wire.birth import Kind
from resqd.wire.intent import Intent
from resqd.wire.messages import Busy, JobMetrics, Kill, Running, Stats
from tests.support.family import LIMITS, Cells, Tape, child, fleet, housekeeper, tape

JOB = Running(0, 7, "f00d", "Archive", "mail", 90.0, b"")
METRICS = JobMetrics("Archive", 1, 1, 0, (1.0,), (2.0,))


class Scene:
    """A worker that runs job 7, and a housekeeper."""

    def __init__(self, *, burst: bool = False) -> None:
        self.now = 100.0
        self.worker, self.keeper = child(1, runs=(7, 0)), housekeeper()
        self.fleet = fleet(self.worker, self.keeper, burst=burst)
        self.inbox = Inbox(fleet=self.fleet, clock=lambda: self.now)

    def report(self, **facts: object) -> Stats:
        stats = replace(NO_STATS, **facts)  # type: ignore[arg-type] # any of its fields
        self.inbox.take(self.worker, stats)
        return stats

    def relayed(self) -> list[Busy]:
        return [message for message in tape(self.keeper) if isinstance(message, Busy)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_message_is_a_sign_of_life(scene: Scene) -> None:
    """Also one that only a master sends, which changes nothing else."""
    both: tuple[messages.Message, ...] = messages.Pong(), messages.Stop()
    for message in both:
        scene.now += 1
        scene.inbox.take(scene.worker, message)
        assert scene.worker.account.heard == scene.now


def test_what_a_worker_had_ended_is_kept_for_the_housekeeper(scene: Scene) -> None:
    """One that has ended nothing, or whose Redis cannot forget it, is not mentioned."""
    scene.inbox.take(scene.worker, messages.Exiting("recycled"))
    scene.inbox.take(scene.worker, messages.Exiting("recycled", "1-7", (5,)))
    scene.fleet.farewells.tell(scene.keeper)
    assert tape(scene.keeper) == [messages.Farewell(1, "1-7", (5,))]


def test_a_new_housekeeper_is_told_of_the_living_at_once(scene: Scene) -> None:
    """Its predecessor may not have acted; a worker's boot changes nothing of that."""
    scene.fleet.losses.tell_at = 200.0
    scene.inbox.take(scene.worker, messages.Booted())
    assert scene.fleet.losses.tell_at == 200.0
    scene.inbox.take(scene.keeper, messages.Booted())
    assert scene.fleet.losses.tell_at == 0.0


def told(worker: Child) -> list[messages.PausedQueues]:
    return [message for message in tape(worker) if isinstance(message, messages.PausedQueues)]


def test_paused_queues_are_passed_on_and_kept_for_the_next_fork(scene: Scene) -> None:
    """To every worker, each time."""
    assert scene.fleet.paused_queues is None
    for _ in range(2):
        scene.inbox.take(scene.keeper, messages.QueuePauses(("low",), ""))
    assert told(scene.worker) == [messages.PausedQueues(("low",))] * 2
    assert scene.fleet.paused_queues == ("low",)


def test_a_worker_of_another_release_is_not_told_of_paused_queues(scene: Scene) -> None:
    """It might not know that message, and it is to leave anyway."""
    scene.worker.identity = replace(scene.worker.identity, outdated=True)
    scene.inbox.take(scene.keeper, messages.QueuePauses(("low",), ""))
    assert told(scene.worker) == []


def test_a_key_that_pauses_all_pauses_the_daemon(scene: Scene) -> None:
    """Workers that looked for themselves wait for that order, and hear that queues are open only when it is gone."""
    scene.inbox.take(scene.keeper, messages.QueuePauses((), "pause:all"))
    assert (scene.fleet.intent, scene.fleet.orders.pause_reasons()) == (Intent.PAUSED, ["pause:all"])
    assert told(scene.worker) == []
    scene.inbox.take(scene.keeper, messages.QueuePauses((), ""))
    assert (scene.fleet.intent, scene.fleet.orders.pause_reasons()) == (Intent.RUNNING, [])
    assert told(scene.worker) == [messages.PausedQueues(())]


def test_a_report_is_entered_into_the_books(scene: Scene) -> None:
    """Totals, the place's pace, and the CPU time between two reports."""
    scene.report(processed=5, failed=1, pace=3.0, cpu_seconds=1.0, redis="ok")
    scene.now += 2.0
    stats = scene.report(processed=9, failed=1, pace=4.0, cpu_seconds=2.0, redis="ok")
    assert (scene.fleet.ledger.processed, scene.fleet.ledger.failed) == (9, 1)
    assert scene.fleet.places.paces == {0: 4.0}
    assert (scene.worker.account.stats, scene.worker.account.cpu_percent) == (stats, 50.0)


def test_running_jobs_are_relayed_now_and_then_and_metrics_always(scene: Scene) -> None:
    """Only what changed; and what the housekeeper cannot take goes with the next report."""
    scene.report(running=(JOB,), replaced=2)
    scene.now += RELAY_EVERY / 2
    scene.report(running=(), replaced=2)
    assert [(busy.running, busy.replaced) for busy in scene.relayed()] == [((JOB,), 2)]
    cast(Tape, scene.keeper.channel).full = True
    scene.report(running=(), metrics=(METRICS,), replaced=3)
    cast(Tape, scene.keeper.channel).full = False
    scene.report(running=(), metrics=(METRICS,), replaced=3)
    last = scene.relayed()[-1]
    assert ([each.started for each in last.metrics], last.running, last.replaced) == ([2], (), 1)


def test_counts_wait_for_a_housekeeper(scene: Scene) -> None:
    """The next one is told as soon as it is up, and also a report without counts brings those that were left."""
    scene.keeper.life.booted = False
    scene.report(metrics=(METRICS,))
    scene.inbox.take(scene.keeper, messages.Booted())
    assert [each.started for each in scene.relayed()[-1].metrics] == [1]
    cast(Tape, scene.keeper.channel).full = True
    scene.report(metrics=(METRICS,))
    cast(Tape, scene.keeper.channel).full = False
    scene.report()
    assert [each.started for each in scene.relayed()[-1].metrics] == [1]


def test_a_silent_workers_jobs_are_relayed_by_its_page(scene: Scene) -> None:
    """A job may keep it from speaking."""
    scene.inbox.look(scene.now)
    scene.inbox.look(scene.now)
    assert [[job.token for job in busy.running] for busy in scene.relayed()] == [[7]]


def test_nothing_is_shown_of_the_dead(scene: Scene) -> None:
    """A dead worker runs nothing; a new housekeeper is told everything again."""
    scene.report(running=(JOB,), missing=1)
    scene.inbox.buried(scene.worker)
    last = scene.relayed()[-1]
    assert (last.running, last.missing) == ((), 0)
    scene.report(running=(JOB,))
    scene.inbox.buried(scene.keeper)
    scene.now += RELAY_EVERY
    scene.report(running=(JOB,))
    assert scene.relayed()[-1].running == (JOB,)


def test_a_worker_that_stops_has_a_deadline_and_so_have_its_jobs(scene: Scene) -> None:
    """By a signal of its own: the master's clock bounds it all the same."""
    scene.inbox.take(scene.worker, messages.State("stopping"))
    assert scene.worker.life.state is Intent.STOPPING
    assert scene.worker.demands.leave_by == 106.5
    assert scene.fleet.kills.next_at() == scene.now + LIMITS.kill_grace + MARGIN


def test_slots_and_quotas_come_back(scene: Scene) -> None:
    """The highest count of threads counts; an answer to an older order of quotas does not."""
    for count in (1, 2, 1):
        scene.inbox.take(scene.worker, messages.Released(count))
    assert scene.worker.grants.active == 0
    scene.worker.grants.serial = 5
    scene.inbox.take(scene.worker, messages.Yielded(4, {"q": 1}))
    assert scene.worker.grants.owned == {}
    scene.inbox.take(scene.worker, messages.Yielded(5, {"q": 1}))
    assert scene.worker.grants.owned == {"q": 1}


def test_answers_wait_for_the_handlers(scene: Scene) -> None:
    """In order; one that names a struck job also sets the deadline for it."""
    said: list[messages.Message] = [
        messages.Killing("f00d", 7),
        messages.Stacks(1, "x"),
        messages.Confirmed(1, "paused"),
    ]
    for message in said:
        scene.inbox.take(scene.worker, message)
    assert list(scene.fleet.answers) == [(scene.worker, message) for message in said]
    assert scene.fleet.kills.busy


def test_the_housekeepers_account(scene: Scene) -> None:
    """How Redis is, how many suspects wait, which deaths are settled, and whether a pause file exists."""
    scene.inbox.take(scene.keeper, messages.Upkeep("ok", 90.0, 3, {"slow": 1}))
    assert (scene.fleet.redis.text, scene.fleet.redis.since) == ("ok", 90.0)
    assert (scene.fleet.suspects.count, scene.fleet.suspects.capped) == (3, {"slow": 1})
    scene.inbox.take(scene.keeper, messages.PauseFile("/tmp/pause"))
    assert scene.fleet.intent is Intent.PAUSED


def test_a_taken_suspect_makes_the_housekeeper_count_again(scene: Scene) -> None:
    """As soon as a worker on probation has reserved one."""
    prober = child(2, Kind.PROBATION)
    scene.fleet.children.append(prober)
    scene.fleet.losses.tell_at = 200.0
    scene.inbox.take(prober, replace(NO_STATS, reserved=1))
    assert scene.fleet.losses.tell_at == 0.0


def test_settled_deaths_end_the_wait_and_a_burst_looks_again() -> None:
    """What came back may stand in queues that a worker found empty."""
    scene = Scene(burst=True)
    scene.fleet.losses.deaths = fleet(unsettled=True).losses.deaths
    scene.inbox.take(scene.worker, messages.Exiting("burst"))
    assert scene.fleet.places.done == {0}
    scene.inbox.take(scene.keeper, messages.Settled((5,)))
    assert (len(scene.fleet.losses.deaths), scene.fleet.places.done) == (1, {0})
    scene.inbox.take(scene.keeper, messages.Settled((77,)))
    assert (scene.fleet.losses.deaths, scene.fleet.places.done) == ({}, set())


def test_a_web_page_kills_one_thread_of_one_worker(scene: Scene) -> None:
    """The order goes to the process that it names; a deadline stands only while the page shows the job."""
    other: Child = child(3, index=1)
    scene.fleet.children.append(other)
    scene.inbox.take(scene.keeper, messages.KillThread(other.pid, 0, 9))
    assert (tape(scene.worker), tape(other), scene.fleet.kills.busy) == ([], [Kill(token=9)], False)
    cast(Cells, other.page).cells = [9]
    scene.inbox.take(scene.keeper, messages.KillThread(other.pid, 0, 9))
    assert scene.fleet.kills.busy
