"""Who is asked where the server is, and what is learned on the way."""

from resqd.store.redis.discovery import MOST_NODES, Nodes, Redirect
from resqd.store.redis.protocol import ServerError
from resqd.store.redis.url import ConnectionConfig, Discovery

SEEDS = (("a", 1), ("b", 2))


def nodes() -> Nodes:
    return Nodes(Discovery("cluster", SEEDS))


def test_the_seeds_are_asked_in_turn() -> None:
    """One that does not answer is not asked again before the others."""
    found = nodes()
    assert [found.find() for _ in range(3)] == [("a", 1), ("b", 2), ("a", 1)]


def test_the_responsible_node_is_kept_until_it_is_lost() -> None:
    """Then the others are asked, that one among them: it may be back."""
    found = nodes()
    found.find()
    found.found(("c", 3))
    assert [found.find(), found.find()] == [("c", 3), ("c", 3)]
    found.lost()
    assert {found.find() for _ in range(3)} == {*SEEDS, ("c", 3)}


def test_an_empty_host_is_the_one_that_said_it() -> None:
    """So a node answers that does not know under which name it is reached."""
    found = nodes()
    found.find()
    found.found(("", 9))
    assert found.find() == ("a", 9)


def test_seeds_stay_however_many_nodes_are_met() -> None:
    """A Cluster whose nodes come and go is found again by what the URL says."""
    found = nodes()
    for port in range(100, 200):
        found.found(("x", port))
    found.lost()
    asked = {found.find() for _ in range(200)}
    assert asked >= set(SEEDS)
    assert len(asked) == len(SEEDS) + MOST_NODES


def test_a_redirection_is_read() -> None:
    """Also one to an IPv6 address; other errors and replies are none."""
    assert Redirect.of(ServerError("MOVED 5798 10.0.0.1:7001")) == Redirect(True, ("10.0.0.1", 7001))
    assert Redirect.of(ServerError("ASK 5798 ::1:7001")) == Redirect(False, ("::1", 7001))
    assert Redirect.of(ServerError("TRYAGAIN later")) is None
    assert Redirect.of(b"MOVED 1 a:1") is None


def test_a_url_names_sentinels_or_nodes() -> None:
    """Their users and passwords are other ones than the server's, and none is shown."""
    config = ConnectionConfig.from_url(
        "redis+sentinel://me:pw@a:1,b/jobs/3?sentinel_username=w&sentinel_password=s3"
    )
    assert config.discovery == Discovery("sentinel", (("a", 1), ("b", 26379)), "jobs", "w", "s3")
    assert (config.username, config.password, config.db) == ("me", "pw", 3)
    assert config.describe() == "redis+sentinel://a:1,b:26379/jobs/3"
    assert "s3" not in repr(config)
    cluster = ConnectionConfig.from_url("rediss+cluster://a,[::1]:7")
    assert cluster.discovery == Discovery("cluster", (("a", 6379), ("::1", 7)))
    assert cluster.tls == {}
