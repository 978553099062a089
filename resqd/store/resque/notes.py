"""What several processes that serve the page tell each other: short texts by id, forgotten after an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from resqd.store.names import to_bytes, to_text
from resqd.store.redis.client import store_errors

if TYPE_CHECKING:
    from redis import Redis

    from resqd.store.keys import Keys

_LASTS: Final = 3600


class Notes:
    """A hash of notes, and one of what is asked of whoever writes them."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._notes = to_bytes(f"{keys.namespace}:resqd:web:works")
        self._asked = to_bytes(f"{keys.namespace}:resqd:web:asked")

    @store_errors
    def all(self) -> list[str]:
        """Every note's text."""
        return [to_text(text) for text in cast("list[bytes]", self._client.hvals(self._notes))]

    @store_errors
    def write(self, note: str, text: str) -> None:
        """Write a note anew; all are kept for an hour after the last one."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(self._notes, note, text)
            pipe.expire(self._notes, _LASTS)
            pipe.execute()

    @store_errors
    def ask(self, note: str) -> None:
        """Ask whoever writes this note to stop."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(self._asked, note, "stop")
            pipe.expire(self._asked, _LASTS)
            pipe.execute()

    @store_errors
    def asked(self, note: str) -> bool:
        """Whether that was asked."""
        return bool(self._client.hexists(self._asked, note))
