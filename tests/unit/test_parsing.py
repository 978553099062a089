"""Parsers of settings that several parts ask."""

import pytest

from resqd import parsing


@pytest.mark.parametrize(
    ("namespace", "url", "tagged"),
    [
        ("resque", "redis+cluster://a", "{resque}"),
        ("resque", "rediss+cluster://a,b", "{resque}"),
        ("{shop}:resque", "redis+cluster://a", "{shop}:resque"),
        ("resque", "redis+sentinel://a/jobs", "resque"),
        ("resque", "redis://a", "resque"),
        ("resque", None, "resque"),
    ],
)
def test_a_namespace_lies_in_one_slot_of_a_cluster(namespace: str, url: str | None, tagged: str) -> None:
    """By a hash tag, which it gets where it has none; elsewhere Ruby's programs find the keys as ever."""
    assert parsing.tagged(namespace, url) == tagged


@pytest.mark.parametrize("text", ["resque", "{resque}", "a:{b}:c"])
def test_a_namespace_may_have_one_hash_tag(text: str) -> None:
    """Braces are for nothing else."""
    assert parsing.namespace(text) == text


@pytest.mark.parametrize("text", ["", "a{b", "{}", "{a}{b}", "{a{b}}", "a*", "a b", "a:"])
def test_other_namespaces_are_refused(text: str) -> None:
    """A glob's sign would be no prefix that can be listened to, and two tags none that a Cluster knows."""
    with pytest.raises(ValueError, match="give printable characters"):
        parsing.namespace(text)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a",
        "redis+cluster://",
        "redis+other://a",
        "unix+cluster:///a",
        "redis+sentinel://a,:1/x",
    ],
)
def test_urls_that_name_nobody_to_ask_are_refused(url: str) -> None:
    """Sentinels know a master by its name, and each of the hosts has one."""
    with pytest.raises(ValueError, match="sentinel"):
        parsing.redis_url(url)
