"""Who announces a failover."""

from resqd.store.redis.failover import ClusterWatch, SentinelWatch, watch
from resqd.store.redis.url import ConnectionConfig


def test_each_kind_of_url_has_its_watch() -> None:
    """One plain server announces nothing, and nobody listens."""
    kinds = {
        "redis://a": type(None),
        "redis+sentinel://a/jobs": SentinelWatch,
        "redis+cluster://a": ClusterWatch,
    }
    assert {url: type(watch(ConnectionConfig.from_url(url), key="k")) for url in kinds} == kinds
