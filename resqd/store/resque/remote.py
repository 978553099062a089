"""Asking daemons on any host, and what they answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from resqd.store.names import to_bytes, to_text
from resqd.store.redis.client import store_errors
from resqd.store.resque.acts import LASTS, Act, sealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis import Redis

    from resqd.store.keys import Keys

_KEPT: Final = 60
"""Seconds after which what nobody took is gone; it was obeyed no longer after ten."""


@dataclass(frozen=True, slots=True)
class ActAnswer:
    """What came of an act, `at` in seconds since 1970 by the clock of the daemon's host."""

    daemon: str
    nonce: str
    command: str
    by: str
    ok: bool
    said: str
    at: float


class Remote:
    """`lives` of daemons, `ask`, and `answers`."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @store_errors
    def lives(self, worker_ids: Sequence[str]) -> dict[str, str]:
        """The life of each of these registered workers that is a daemon which can be asked."""
        if not worker_ids:
            return {}
        told = cast(
            "list[bytes | None]",
            self._client.hmget(to_bytes(self._keys.lives), [to_bytes(each) for each in worker_ids]),
        )
        return {id_: to_text(life) for id_, life in zip(worker_ids, told, strict=True) if life is not None}

    @store_errors
    def ask(
        self, command: str, nonces: Mapping[str, str], *, workers: int, by: str, secret: str | None
    ) -> None:
        """Ask these lives, each with its nonce; they have ten seconds from now on."""
        whole, micro = self._client.time()
        until = whole * 1_000_000 + micro + LASTS
        with self._client.pipeline(transaction=False) as pipe:
            for life, nonce in nonces.items():
                key = to_bytes(self._keys.acts(life))
                pipe.rpush(key, sealed(Act(command, workers, life, nonce, until, by), secret))
                pipe.expire(key, _KEPT)
            pipe.execute()

    @store_errors
    def answers(self, most: int) -> list[ActAnswer]:
        """The newest answers, the last one first; what is none is left out."""
        told = cast("list[bytes]", self._client.lrange(to_bytes(self._keys.act_answers), 0, most - 1))
        return [answer for text in told if (answer := _answer(text)) is not None]


def _answer(text: bytes) -> ActAnswer | None:
    try:
        told = json.loads(text)
        return ActAnswer(
            str(told["daemon"]), str(told["nonce"]), str(told["command"]), str(told["by"]),
            bool(told["ok"]), str(told["said"]), float(told["at"]),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
