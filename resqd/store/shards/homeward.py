"""Jobs under limits that were put on another shard than home: they go there before they begin, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from resqd.errors import StoreError, StoreUnavailable
from resqd.store.inflight.tokens import token_text, tokens_of
from resqd.store.redis.protocol import Argument, PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.store.inflight.incarnation import Incarnation
    from resqd.store.inflight.outbox import Reservation
    from resqd.store.inflight.slots import Gating
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link

_ADOPT: Final = Script.load("shards/adopt")
_CAME: Final = Script.load("shards/came")


class Homeward:
    """Of one incarnation on another shard. `connect` opens a link to the home shard, whose keys these are."""

    def __init__(
        self, *, connect: Callable[[], Link], keys: Keys, incarnation: Incarnation, gating: Gating
    ) -> None:
        self._connect = connect
        self._keys = keys
        self._key = keys.shard_came(incarnation.daemon, incarnation.id)
        self._gating = gating
        self._link: Link | None = None

    def __call__(self, batch: list[Reservation]) -> list[int]:
        """Send those home that have gates; their tokens. Sending them again changes nothing.

        Errors: StoreError; Fenced, where recovery has asked already which have come.
        """
        chosen = [job for job in batch if self._gating(job[2])[1]]
        if not chosen:
            return []
        arguments: list[Argument] = []
        for token, queue, raw in chosen:
            arguments += (token_text(token), queue, self._keys.queue(queue), raw)
        lists = dict.fromkeys(self._keys.queue(queue) for _, queue, _ in chosen)
        self._link = self._link or self._connect()
        self._link.run_script(
            ScriptCall(_ADOPT, PackedKeys.of(self._key, self._keys.queues, *lists), arguments)
        )
        return [token for token, _, _ in chosen]


def came(connect: Callable[[], Link], keys: Keys, incarnation: Incarnation) -> set[int]:
    """Which jobs of a dead incarnation went home; no more will.

    Errors: StoreError. One of the home shard must not look like one of the shard whose jobs are recovered.
    """
    link = connect()
    key = keys.shard_came(incarnation.daemon, incarnation.id)
    try:
        return tokens_of(link.run_script(ScriptCall(_CAME, PackedKeys.of(key))))
    except StoreUnavailable as error:
        raise StoreError(f"which jobs went home is not known while that is away: {error}") from error
    finally:
        link.close()
