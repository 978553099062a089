"""REDIS_SHARDS and `?shards=N`: which shards they stand for."""

import pytest

from resqd import sharding
from resqd.errors import SettingsError
from resqd.sharding import SLOTS, shards_of, slot_of


def test_one_url_is_one_shard_that_is_home() -> None:
    [shard] = shards_of(["redis://h"], "resque")
    assert (shard.number, shard.url, shard.namespace) == (0, "redis://h", "resque")


def test_several_urls_are_read_in_order_with_commas_kept() -> None:
    """A Sentinel's URL holds commas, so only spaces part."""
    urls = sharding.urls("  redis://a/0\tredis+sentinel://b,c/main/0\n rediss://u:pw@d ")
    shards = shards_of(urls, "ns")
    assert [shard.number for shard in shards] == [0, 1, 2]
    assert [shard.shown for shard in shards] == ["redis://a/0", "redis+sentinel://b,c/main/0", "rediss://d"]
    assert {shard.namespace for shard in shards} == {"ns"}


def test_a_cluster_among_them_has_its_tag() -> None:
    assert [each.namespace for each in shards_of(["redis://a", "redis+cluster://b"], "ns")] == ["ns", "{ns}"]


@pytest.mark.parametrize("count", [2, 3, 8, 64, 256])
@pytest.mark.parametrize("namespace", ["resque", "{mine}:jobs"])
def test_slots_of_one_cluster_lie_the_nth_part_apart(count: int, namespace: str) -> None:
    """So that whatever ranges the nodes have, each has about as many shards."""
    shards = shards_of([f"redis+cluster://h?shards={count}"], namespace)
    slots = sorted(slot_of(shard.namespace) for shard in shards)
    gaps = [(after - before) % SLOTS for before, after in zip(slots, slots[1:] + slots[:1], strict=True)]
    assert sum(gaps) == SLOTS
    assert max(abs(gap - SLOTS / count) for gap in gaps) <= max(2.5, SLOTS / count / 25)


def test_the_first_of_a_cluster_is_what_ruby_is_told_and_all_differ() -> None:
    shards = shards_of(["redis+cluster://h?shards=4"], "resque")
    assert shards[0].namespace == "{resque}"
    assert len({shard.namespace for shard in shards}) == 4
    assert all(slot_of(f"{each.namespace}:queues") == slot_of(f"{each.namespace}:queue:q") for each in shards)


def test_a_slot_is_what_redis_says() -> None:
    """By the examples of Redis's own specification of Clusters."""
    assert slot_of("123456789") == 0x31C3
    assert slot_of("{user1000}.following") == slot_of("{user1000}.followers") == slot_of("user1000")
    assert slot_of("foo{}{bar}") != slot_of("foo{bar}")
    assert slot_of("foo{{bar}}zap") == slot_of("{bar")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("redis://a redis://a", "one server twice"),
        ("redis://a nonsense://b", "redis://HOST"),
        ("redis+cluster://a?shards=0", "from 1 to 256"),
        ("redis+cluster://a?shards=x", "from 1 to 256"),
        ("redis+cluster://a?shards=2 redis://b", "either"),
        (" ".join(f"redis://h{n}" for n in range(257)), "at most 256"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        sharding.urls(text)


def test_the_environment_is_read_or_named() -> None:
    assert sharding.urls_in({}) == ()
    assert sharding.urls_in({"REDIS_SHARDS": "redis://a redis://b"}) == ("redis://a", "redis://b")
    with pytest.raises(SettingsError, match="REDIS_SHARDS: gives one"):
        sharding.urls_in({"REDIS_SHARDS": "redis://a redis://a"})


def test_one_url_of_a_cluster_is_refused_where_its_number_is_wrong() -> None:
    assert sharding.url("redis+cluster://h?shards=8") == "redis+cluster://h?shards=8"
    assert sharding.slots_wanted("redis://h?shards=8") == 1  # says nothing there, and the client refuses it
    with pytest.raises(ValueError, match="shards=N"):
        sharding.url("redis+cluster://h?shards=1000")
