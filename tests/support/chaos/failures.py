"""The list of failures in a chaos run, which is made a key of another type now and then."""

from typing import cast

import redis

_LIST, _SET_ASIDE = "resque:failed", "chaos:failed"
_REFUSE = """
for _, record in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do redis.call('RPUSH', KEYS[2], record) end
redis.call('SET', KEYS[1], 'no list')
"""


class Failures:
    """What was recorded before such a time is set aside, and counts as well."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def refuse(self) -> None:
        """Let no failure be recorded in the list."""
        self._client.eval(_REFUSE, 2, _LIST, _SET_ASIDE)

    def accept(self) -> None:
        """Let it be a list again."""
        if self._client.type(_LIST) == b"string":
            self._client.delete(_LIST)

    def all(self) -> list[bytes]:
        """Every record."""
        return self._records(_SET_ASIDE) + self._records(_LIST)

    def _records(self, key: str) -> list[bytes]:
        return cast("list[bytes]", self._client.lrange(key, 0, -1))
