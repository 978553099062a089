"""The timetable on a real server: every tick once, whoever is first, whatever the clock does, with two releases."""

import random
from collections.abc import Callable

import pytest
import redis

from resqd.cron.schedule import Cron, Every
from resqd.cron.tables import Pause, Paused, Resume
from resqd.housekeeper.cron import LOOK_IN_VAIN
from resqd.store.cron import timetable
from resqd.store.cron.timetable import Timetable
from resqd.store.redis.link import Link
from tests.support.redis_clock import RedisClock
from tests.support.timetables import KEYS, START, Fleet, entry

DAY, HOUR, MINUTE = 86_400, 3_600, 60
YEAR = 365 * DAY


@pytest.fixture
def fleet(redis_client: redis.Redis, open_link: Callable[[], Link], monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(RedisClock(redis_client, monkeypatch, timetable), redis_client, open_link)


@pytest.mark.parametrize("seed", range(3))
def test_each_tick_comes_once_with_many_housekeepers(fleet: Fleet, seed: int) -> None:
    """Four daemons that look at the same moments, and die and come back, enqueue each tick once, none early."""
    chance = random.Random(seed)
    entries = [
        entry("often", Every(1)),
        entry("each minute", Cron.of("* * * * *")),
        entry("odd", Every(7, 3)),
    ]
    for number in range(4):
        fleet.start(f"host{number}/resqd:1", *entries)
    began = fleet.now
    for number in range(40):
        fleet.step(chance.uniform(0.2, 20))
        if number % 10 == 9:
            fleet.end(f"host{number // 10}/resqd:1")
            fleet.start(f"host{number // 10}/resqd:{number}", *entries)
    last = int(fleet.now) - START
    assert began == START
    fleet.expect_none_twice()
    assert fleet.ticks("often") == list(range(1, last + 1))
    assert fleet.ticks("each minute") == list(range(MINUTE, last + 1, MINUTE))
    assert [(START + at - 3) % 7 for at in fleet.ticks("odd")] == [0] * len(fleet.ticks("odd"))
    assert len(fleet.ticks("odd")) in (last // 7, last // 7 + 1)


def test_two_releases_alive_for_three_days_tick_three_times(fleet: Fleet) -> None:
    """The higher release has its way, however often daemons of both are started again."""
    old, new = entry("daily", Cron.of("0 3 * * *")), entry("daily", Cron.of("30 3 * * *"))
    fleet.start("a/resqd:1", old, release="1.9")
    fleet.start("b/resqd:1", new, release="1.10")
    for number in range(3 * 24):
        fleet.step(HOUR / 2)
        life = f"a/resqd:{number + 1}"
        fleet.end(life)
        fleet.start(f"a/resqd:{number + 2}", old, release="1.9")
        fleet.step(HOUR / 2)
    assert fleet.ticks("daily") == [day * DAY + 3 * HOUR + 30 * MINUTE for day in range(3)]


def test_without_releases_the_one_that_started_later_has_its_way(fleet: Fleet) -> None:
    """And when it is gone, the other one's entry is back: so a rollback works."""
    fleet.start("a/resqd:1", entry("daily", Cron.of("0 3 * * *")))
    fleet.step(1)
    fleet.start("b/resqd:1", entry("daily", Cron.of("0 5 * * *")))
    fleet.pass_time(DAY, 10 * MINUTE)
    assert fleet.ticks("daily") == [5 * HOUR]
    fleet.end("b/resqd:1")
    fleet.pass_time(DAY, 10 * MINUTE)
    assert fleet.ticks("daily") == [5 * HOUR, DAY + 3 * HOUR]


def test_a_reload_declares_anew(fleet: Fleet) -> None:
    """The same life with other code: what it no longer declares goes, what is new starts from now."""
    fleet.start("a/resqd:1", entry("old", Every(60)), entry("kept", Every(60)))
    fleet.pass_time(120)
    fleet.start("a/resqd:1", entry("kept", Every(60)), entry("new", Every(60)))
    fleet.pass_time(120)
    assert fleet.ticks("old") == [60, 120]
    assert fleet.ticks("kept") == [60, 120, 180, 240]
    assert fleet.ticks("new") == [180, 240]


def test_an_entry_lives_on_while_nobody_is_there(fleet: Fleet) -> None:
    """All daemons of the application are stopped for a deployment: what was due meanwhile is made up for."""
    fleet.start("other/resqd:1", app="other")
    fleet.start("a/resqd:1", entry("daily", Cron.of("0 3 * * *")))
    fleet.end("a/resqd:1")
    fleet.end("other/resqd:1")
    fleet.set(START + 3 * HOUR + 20 * MINUTE)
    assert fleet.ticks("daily") == []
    fleet.start("a/resqd:2", entry("daily", Cron.of("0 3 * * *")))
    assert fleet.ticks("daily") == [3 * HOUR]


def test_any_daemon_ticks_for_all_applications_and_removes_only_its_own(fleet: Fleet) -> None:
    """An application whose daemons are away keeps its entries, and they tick."""
    fleet.start("a/resqd:1", entry("theirs", Every(60)), app="shop")
    fleet.start("b/resqd:1", entry("ours", Every(60)), app="blog")
    fleet.end("a/resqd:1")
    fleet.pass_time(300)
    assert fleet.ticks("theirs") == fleet.ticks("ours") == [60, 120, 180, 240, 300]
    fleet.start("b/resqd:1", app="blog")
    fleet.pass_time(120)
    assert fleet.ticks("theirs")[-1] == 420
    assert fleet.ticks("ours")[-1] == 300


def test_two_applications_cannot_share_a_name(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    """The first keeps it while one of its daemons lives; then the second has it."""
    fleet.start("a/resqd:1", entry("report", Every(60)), app="shop")
    fleet.start("b/resqd:1", entry("report", Every(90)), app="blog")
    assert "report belongs to the application shop" in caplog.text
    fleet.pass_time(180)
    assert fleet.ticks("report") == [60, 120, 180]
    fleet.end("a/resqd:1")
    fleet.pass_time(180)
    assert fleet.ticks("report")[-1] == 360
    assert fleet.client.zscore(KEYS.cron_next, "report") == START + 450


@pytest.mark.parametrize(
    ("misfire", "made_up"),
    [("once", [60]), ("all", [60, 120, 180, 240, 300, 360, 420, 480, 540]), ("skip", [])],
)
def test_what_was_missed_follows_the_policy(fleet: Fleet, misfire: str, made_up: list[int]) -> None:
    """Later than a minute is missed; what is less late comes in any case."""
    fleet.start("a/resqd:1", entry("minutes", Every(60), misfire=misfire))
    fleet.step(610)
    assert fleet.ticks("minutes") == [*made_up, 600]
    fleet.step(60)
    assert fleet.ticks("minutes") == [*made_up, 600, 660]


def test_all_is_bounded(fleet: Fleet) -> None:
    """A hundred missed ticks at the most, and what is less than a minute late."""
    fleet.start("a/resqd:1", entry("seconds", Every(1), misfire="all"))
    fleet.step(DAY)
    assert fleet.ticks("seconds") == [*range(1, 101), *range(DAY - 60, DAY + 1)]


def test_a_clock_that_is_a_year_ahead_for_a_minute_stops_nothing(fleet: Fleet) -> None:
    """What is due then comes at once, as a missed time; afterwards the next time is computed anew."""
    fleet.start("a/resqd:1", entry("daily", Cron.of("0 3 * * *")), entry("minutes", Every(60)))
    fleet.pass_time(DAY, 10 * MINUTE)
    fleet.set(fleet.now + YEAR)
    fleet.step(30)
    fleet.set(fleet.now - YEAR)
    before = len(fleet.ids())
    fleet.pass_time(2 * DAY, 10 * 60)
    daily = [at for at in fleet.ticks("daily") if at >= DAY + 60]
    assert daily[-2:] == [DAY + 3 * HOUR, 2 * DAY + 3 * HOUR]
    assert len(fleet.ids()) - before >= 2 * DAY // 600


def test_a_clock_that_goes_back_an_hour_repeats_nothing(fleet: Fleet) -> None:
    """Ticks that have been do not come again, and go on once the clock is where it was."""
    fleet.start("a/resqd:1", entry("daily", Cron.of("0 3 * * *")), entry("minutes", Every(60)))
    fleet.pass_time(3 * HOUR + 600, 60)
    fleet.set(fleet.now - HOUR)
    fleet.pass_time(2 * HOUR, 60)
    assert fleet.ticks("minutes") == list(range(60, 4 * HOUR + 601, 60))
    fleet.pass_time(21 * HOUR, 10 * 60)
    fleet.expect_none_twice()
    assert fleet.ticks("daily") == [3 * HOUR]


def test_a_clock_an_hour_back_for_a_minute_changes_nothing(fleet: Fleet) -> None:
    """Such a minute leaves no trace."""
    fleet.start("a/resqd:1", entry("seconds", Every(1)))
    fleet.pass_time(60, 1)
    fleet.set(fleet.now - HOUR)
    fleet.pass_time(30, 1)
    fleet.set(fleet.now + HOUR)
    fleet.pass_time(60, 1)
    assert fleet.ticks("seconds") == list(range(1, 151))


def test_a_pause_lasts_over_a_deployment(fleet: Fleet, link: Link) -> None:
    """No tick while paused, though the expression changes; none is made up for afterwards."""
    fleet.start("a/resqd:1", entry("minutes", Every(60)))
    table = Timetable(link, KEYS)
    assert table.change(table.snapshot(), [Pause("minutes", Paused("ann", START))])
    fleet.pass_time(180)
    fleet.start("a/resqd:1", entry("minutes", Every(90)))
    fleet.pass_time(180)
    seen = table.snapshot()
    assert fleet.ids() == []
    assert seen.state("minutes").paused == Paused("ann", START)
    assert table.change(seen, [Resume("minutes", Every(90).next_after(seen.now))])
    fleet.pass_time(180)
    assert fleet.ticks("minutes") == [450, 540]


def test_a_change_that_was_decided_on_something_else_is_refused(fleet: Fleet, link: Link) -> None:
    """Whoever has seen an older version changes nothing."""
    fleet.start("a/resqd:1", entry("minutes", Every(60)))
    table = Timetable(link, KEYS)
    seen = table.snapshot()
    assert table.change(seen, [Pause("minutes", Paused("ann", START))])
    assert not table.change(seen, [Resume("minutes", START + 60)])
    assert table.snapshot().state("minutes").next is None


def test_a_queue_that_takes_no_jobs_loses_no_tick(fleet: Fleet) -> None:
    """A key of a wrong type keeps the tick where it is, and other entries go on; mended, it comes."""
    fleet.client.set(KEYS.queue("broken"), "no list")
    fleet.start("a/resqd:1", entry("stuck", Every(60), queue="broken"), entry("fine", Every(60)))
    fleet.step(60)
    assert fleet.ticks("fine") == [60]
    fleet.client.delete(KEYS.queue("broken"))
    fleet.step(30)
    assert fleet.ticks("stuck", "broken") == [60]


def test_a_server_that_has_lost_everything_gets_the_table_again(fleet: Fleet) -> None:
    """The daemons that live declare it anew, from now on."""
    fleet.start("a/resqd:1", entry("minutes", Every(60)))
    fleet.pass_time(60)
    fleet.client.flushdb()
    fleet.set(fleet.now)
    fleet.client.hset(KEYS.daemons, "a/resqd:1", 1)
    fleet.pass_time(180)
    assert fleet.ticks("minutes")[-1] == 240


def test_nothing_is_written_where_no_application_has_cron(fleet: Fleet) -> None:
    """A look now and then is all that it costs."""
    fleet.start("a/resqd:1")
    fleet.pass_time(600)
    assert list(fleet.client.scan_iter("*cron*")) == []
    assert fleet.daemons["a/resqd:1"].wait() == LOOK_IN_VAIN


def test_what_another_release_has_written_is_left_alone(fleet: Fleet) -> None:
    """An entry that cannot be read here neither ticks nor stops others."""
    fleet.start("a/resqd:1", entry("minutes", Every(60)))
    fleet.client.hset(KEYS.cron, "future", '{"moon":"full"}')
    fleet.client.zadd(KEYS.cron_next, {"future": START})
    deep = entry("deep", Every(60)).to_json().replace('["deep"]', "[" * 5_000 + "]" * 5_000)
    fleet.client.hset(KEYS.cron, "deep", deep)
    fleet.client.zadd(KEYS.cron_next, {"deep": START})
    fleet.pass_time(120)
    assert fleet.ticks("minutes") == [60, 120]
    assert fleet.client.hget(KEYS.cron, "future") == b'{"moon":"full"}'


def test_the_latest_runs_are_kept(fleet: Fleet, link: Link) -> None:
    """Ten of them, newest first, each with its time and when it was enqueued."""
    fleet.start("a/resqd:1", entry("minutes", Every(60)))
    fleet.pass_time(900, 45)
    state = Timetable(link, KEYS).snapshot().state("minutes")
    assert [run.due for run in state.runs] == [START + at for at in range(900, 300, -60)]
    assert state.last == START + 900
    assert all(run.due is not None and 0 <= run.at - run.due < 45 for run in state.runs)
