"""How long queues are, and how old."""

from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.measure import measure


def test_each_queue_is_measured(link: Link, keys: Keys) -> None:
    """By the oldest job's own word, which stands at its payload's end; a key of another type counts as empty."""
    for number in range(600):
        link.call("SADD", keys.queues, f"q{number}")
    old = b'{"class":"A","args":["%s"],"id":"x","generation":1,"enqueued_at":90.5}' % (b"long" * 1000)
    link.call("RPUSH", keys.queue("q1"), old, b'{"class":"A","args":[],"enqueued_at":99.0}')
    link.call("RPUSH", keys.queue("q2"), b'{"class":"Ruby","args":[]}')
    link.call("SET", keys.queue("q3"), "no list")
    link.call("RPUSH", keys.failed, b"{}")
    link.call("ZADD", keys.later, 1, "a", 2, "b")
    found = measure(link, keys, now=100.0)
    assert len(found.lengths) == 600
    assert (found.lengths["q1"], found.lengths["q2"], found.lengths["q3"]) == (2, 1, 0)
    assert (found.latencies["q1"], found.latencies["q4"], found.latencies["q3"]) == (9.5, 0.0, 0.0)
    assert "q2" not in found.latencies
    assert found.places == {"failed": 1, "later": 2}
