"""Which queues a fetcher takes from, by what the control thread was told."""

from collections.abc import Sequence

from resqd.store.resque.pauses import Paused
from resqd.worker.open_queues import OpenQueues

QUEUES = (("critical", 0), ("mail", 4), ("low", 0))


class Redis:
    """Answers one look."""

    def __init__(self, paused: Paused | None = None) -> None:
        self.paused = paused or Paused((), "")
        self.asked: list[list[str]] = []

    def look(self, queues: Sequence[str]) -> Paused:
        self.asked.append(list(queues))
        return self.paused


def names(queues: tuple[tuple[str, int], ...]) -> list[str]:
    return [name for name, _ in queues]


def test_before_the_first_word_it_looks_once_by_itself() -> None:
    """Else the first worker of a daemon would take from a queue that was paused before."""
    redis = Redis(Paused(("mail",), ""))
    queues = OpenQueues(redis.look)
    queues.begin(None)
    assert names(queues.among(QUEUES)) == names(queues.among(QUEUES)) == ["critical", "low"]
    assert redis.asked == [["critical", "mail", "low"]]


def test_a_key_that_pauses_all_leaves_none() -> None:
    """Until the master, which knows of it as well, has said what holds."""
    queues = OpenQueues(Redis(Paused((), "pause:all")).look)
    assert queues.among(QUEUES) == ()
    assert not queues.changed()
    queues.order(())
    assert queues.changed()
    assert queues.among(QUEUES) is QUEUES


def test_what_the_master_knew_at_the_fork_is_not_asked_for() -> None:
    """A fork of one job would feel it."""
    redis = Redis()
    queues = OpenQueues(redis.look)
    queues.begin(("low",))
    assert names(queues.among(QUEUES)) == ["critical", "mail"]
    assert (redis.asked, queues.changed()) == ([], False)


def test_an_order_counts_once_as_news() -> None:
    """The same told again, as it is every few seconds, is none."""
    queues = OpenQueues(Redis().look)
    queues.begin(())
    queues.order(("mail",))
    assert [queues.changed(), queues.changed()] == [True, False]
    queues.order(("mail",))
    assert not queues.changed()
    queues.order(())
    assert queues.changed()


def test_the_same_tuple_comes_while_nothing_changes() -> None:
    """What was packed of it is used again."""
    queues = OpenQueues(Redis().look)
    queues.begin(("mail",))
    first = queues.among(QUEUES)
    assert queues.among(QUEUES) is first
    others = (("low", 0),)
    assert queues.among(others) == others
    assert queues.among(QUEUES) == first
