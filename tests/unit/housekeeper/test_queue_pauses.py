"""What the housekeeper asks of paused queues, and when it tells the master."""

from typing import cast

from resqd.housekeeper.queue_pauses import TELL_EVERY, PauseWatch
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.resque.served import Served
from resqd.wire.messages import Message, QueuePauses


class Redis:
    """In place of a link: the keys that exist, and the set of queues."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.queues: list[bytes] = []
        self.asked: list[tuple[str, ...]] = []

    def call(self, *command: str) -> object:
        self.asked.append(command)
        return self.queues if command[0] == "SMEMBERS" else [self.values.get(key) for key in command[1:]]


NAMED = ("resque:pause:queue:mail", "resque:pause:queue:low")


class Ear:
    """In place of the doorbell."""

    def __init__(self) -> None:
        self.armed = False
        self.pause_writes = 0


def watch(redis: Redis, said: list[Message], *patterns: str, ear: Ear | None = None) -> PauseWatch:
    link = cast("Link", redis)
    served = Served(call=link.call, keys=Keys(), queues=patterns)
    return PauseWatch(link=link, hearing=ear or Ear(), namespace="resque", served=served, say=said.append)


def test_named_queues_cost_one_command() -> None:
    """The two keys that pause all are asked for with them."""
    redis, said = Redis(), list[Message]()
    watch(redis, said, "mail", "low").look()
    assert redis.asked == [("MGET", "resque:pause:all", "resque:pause-all-workers", *NAMED)]
    assert said == [QueuePauses((), "")]


def test_a_pattern_stands_for_the_queues_that_there_are() -> None:
    """Those that do not match concern other daemons."""
    redis, said = Redis(), list[Message]()
    redis.queues = [b"tenant.2", b"other", b"tenant.1"]
    redis.values = {f"resque:pause:queue:{name}": b"true" for name in ("tenant.2", "other", "mail")}
    watch(redis, said, "mail", "tenant.*").look()
    assert said == [QueuePauses(("mail", "tenant.2"), "")]


def test_news_are_told_at_once_and_all_of_it_again_now_and_then() -> None:
    """A message may have been refused."""
    redis, said = Redis(), list[Message]()
    one = watch(redis, said, "mail")
    one.look()
    one.look()
    assert len(said) == 1
    redis.values["resque:pause:all"] = b"1"
    one.look()
    assert said[1:] == [QueuePauses((), "pause:all")]
    for _ in range(TELL_EVERY):
        one.look()
    assert said[2:] == [QueuePauses((), "pause:all")]


def test_while_the_doorbell_listens_little_is_asked() -> None:
    """Once after each arming, after each write that it hears, and every ten looks to be safe."""
    redis, ear = Redis(), Ear()
    one = watch(redis, [], "mail", ear=ear)

    def asked(looks: int) -> int:
        before = len(redis.asked)
        for _ in range(looks):
            one.look()
        return len(redis.asked) - before

    assert asked(2) == 2
    ear.armed, ear.pause_writes = True, 1
    assert asked(7) == 1
    ear.pause_writes = 2
    assert asked(1) == 1  # the tenth
    assert asked(9) == 0
    assert asked(1) == 1
    ear.armed = False
    assert asked(3) == 3
