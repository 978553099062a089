"""The names of resque-scheduler's keys, as Ruby makes them."""

from resqd.store.scheduler.keys import SchedulerKeys, timestamp_of

KEYS = SchedulerKeys("resque")


def test_the_names_are_rubys() -> None:
    """Seen in Redis with resque-scheduler 5.0.0."""
    assert KEYS.schedule == "resque:delayed_queue_schedule"
    assert KEYS.delayed(1_700_000_000) == "resque:delayed:1700000000"
    assert KEYS.timestamps(b'{"class":"\xc3\xa9"}') == b'resque:timestamps:{"class":"\xc3\xa9"}'
    assert KEYS.lock() == "resque:resque:resque_scheduler_master_lock"
    assert KEYS.lock("blue") == "resque:resque:blue:resque_scheduler_master_lock"


def test_a_lists_name_tells_its_moment() -> None:
    """Others tell none."""
    assert timestamp_of(b"delayed:1700000000") == 1_700_000_000
    assert timestamp_of(b"delayed:") is None
    assert timestamp_of(b"delayed:last_enqueued_at") is None
    assert timestamp_of(b"other:5") is None
