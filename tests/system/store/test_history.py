"""The history on a real server: daemons' rows merged once each, by minute, hour and day."""

import random
from collections.abc import Callable

import pytest

from resqd.store.history import merger as merging
from resqd.store.history.merger import Merger
from resqd.store.history.reader import History, classes
from resqd.store.history.row import QueueLooks, Row
from resqd.store.history.spans import DAY, HOUR, MINUTE
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.links import Links
from resqd.store.redis.url import ConnectionConfig

NOON = 20_000 * DAY + 12 * HOUR
OpenLink = Callable[[], Link]


def counted(number: int, job_class: str = "A") -> Row:
    """A row of so many jobs."""
    row = Row(running=1)
    row.of_class(job_class).succeeded = number
    return row


@pytest.fixture
def history(redis_url: str, keys: Keys) -> History:
    return History(Links(ConnectionConfig.from_url(redis_url)), keys)


def merge(link: Link, keys: Keys, now: float, sample: Row | None = None) -> None:
    """One daemon's turn."""
    one = Merger(link, keys, author="merger")
    link.call("DEL", keys.history_merger)
    assert one.reign("t")
    assert one.merge("t", sample=sample or Row(), now=now)


def test_rows_of_daemons_are_merged_into_one(link: Link, keys: Keys, history: History) -> None:
    """With one look at the queues; a minute that runs is left, and a row that comes again or late counts once."""
    one, other = Merger(link, keys, author="a"), Merger(link, keys, author="b")
    one.put(NOON, counted(3))
    other.put(NOON, counted(4))
    one.put(NOON + 60, counted(100))
    merge(link, keys, NOON + 80, Row(queues={"q": QueueLooks(2, 2, 1.0)}))
    one.put(NOON, counted(3))
    Merger(link, keys, author="late").put(NOON, counted(10, "B"))
    merge(link, keys, NOON + 100)
    first, second = history.points(span=MINUTE, since=NOON, until=NOON + 120)
    assert (first.counts("A").ended, first.counts("B").ended, first.counts().ended) == (7, 10, 17)
    assert (first.row.running, first.queue("q")) == (3, QueueLooks(2, 2, 1.0))
    assert second.row.blank
    merge(link, keys, NOON + 140)
    assert history.points(span=MINUTE, since=NOON + 60, until=NOON + 120)[0].counts().ended == 100


def test_one_merges_at_a_time(link: Link, keys: Keys) -> None:
    """The lock goes by itself, before the next minute's turn, since its owner may be dead."""
    one, other = Merger(link, keys, author="a"), Merger(link, keys, author="b")
    assert one.reign("1")
    assert not other.reign("2")
    assert 30_000 < link.call("PTTL", keys.history_merger) < 45_000


def test_a_merger_that_stood_still_changes_nothing(open_link: OpenLink, keys: Keys, history: History) -> None:
    """Another has taken over and merged the same rows: they count once."""
    link = open_link()
    one, other = Merger(link, keys, author="a"), Merger(open_link(), keys, author="b")
    one.put(NOON, counted(3))
    assert one.reign("1")
    link.call("DEL", keys.history_merger)
    assert other.reign("2")
    assert other.merge("2", sample=Row(), now=NOON + 80)
    assert not one.merge("1", sample=counted(50), now=NOON + 80)
    assert history.points(span=MINUTE, since=NOON, until=NOON + 60)[0].counts().ended == 3


def test_hours_and_days_add_up_whatever_happens(link: Link, keys: Keys, history: History) -> None:
    """A model of 50 hours: rows come twice or late, merges are left out; each count is in its hour and day once."""
    dice = random.Random(3)
    begin = NOON - NOON % DAY
    by_hour: dict[int, int] = {}
    late: list[tuple[int, Row]] = []
    for minute in range(begin, begin + 50 * HOUR, 10 * MINUTE):
        for author in "abc":
            row, one = counted(dice.randrange(1, 9)), Merger(link, keys, author=author)
            if dice.random() < 0.1:
                late.append((minute, row))
            else:
                one.put(minute, row)
                if dice.random() < 0.2:
                    one.put(minute, row)
            by_hour[minute // HOUR * HOUR] = by_hour.get(minute // HOUR * HOUR, 0) + row.total().ended
        if dice.random() < 0.8:
            merge(link, keys, minute + 80)
        for number, (at, row) in enumerate(late):
            Merger(link, keys, author=f"late{number}").put(at, row)
        late.clear()
    end = begin + 50 * HOUR
    merge(link, keys, end + 20)
    hours = history.points(span=HOUR, since=begin, until=end)
    assert {point.at: point.counts().ended for point in hours} == by_hour
    days = history.points(span=DAY, since=begin, until=end)
    assert [point.counts().ended for point in days] == [
        sum(number for at, number in by_hour.items() if at // DAY * DAY == point.at) for point in days
    ]
    assert {int(at) for at in link.call("HKEYS", keys.history(DAY))} == {begin, begin + DAY}
    assert min(map(int, link.call("HKEYS", keys.history(MINUTE)))) >= end - 8 * HOUR - MINUTE
    assert list(classes(hours)) == ["A"]


def test_a_hundred_hosts_cost_a_five_hundredth_of_a_core(link: Link, keys: Keys) -> None:
    """Of Redis, a minute's rows of 100 daemons with 30 classes each, merged; and nothing of them is left behind."""
    row = Row()
    for number in range(30):
        counts = row.of_class(f"App::Jobs::Job{number}")
        counts.succeeded = 1000 + number
        counts.ran.add([0.001 * (number + at) for at in range(50)], counts.succeeded)
    used = [_cpu(link)]
    for minute in range(5):
        for author in range(100):
            Merger(link, keys, author=str(author)).put(NOON + minute * MINUTE, row)
        merge(link, keys, NOON + minute * MINUTE + 80)
    used.append(_cpu(link))
    assert (used[1] - used[0]) / (5 * MINUTE) < 0.002
    merge(link, keys, NOON + 2 * merging.REMEMBERED)
    assert link.call("HLEN", keys.history_rows) == 0


def _cpu(link: Link) -> float:
    """Seconds that the server has computed, as it says."""
    told = link.call("INFO", "cpu").decode()
    found = dict(line.split(":") for line in told.split() if ":" in line)
    return float(found["used_cpu_sys"]) + float(found["used_cpu_user"])
