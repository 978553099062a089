"""What each shard knows of itself: its id, whose home's shard it is, and whether it is to be emptied."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resqd.store.names import to_text

if TYPE_CHECKING:
    from resqd.store.keys import Keys
    from resqd.store.redis.link import Link


@dataclass(frozen=True, slots=True)
class Identity:
    """`closed` says who has closed it to plain jobs, and when; empty: nobody has. `daemons` serve it."""

    id: str = ""
    home: str = ""
    closed: str = ""
    daemons: int = 0

    def strange(self, home: str) -> bool:
        """Whether it belongs to another home than this one; ids that are not known say nothing."""
        return bool(home and self.home and self.home != home)


def look(link: Link, keys: Keys) -> Identity:
    """One shard's. Errors: StoreError."""
    facts, daemons = link.pipeline([("HMGET", keys.shard, "id", "home", "closed"), ("HLEN", keys.daemons)])
    own, home, closed = (to_text(fact or b"") for fact in facts) if isinstance(facts, list) else ("", "", "")
    return Identity(own, home, closed, daemons if isinstance(daemons, int) else 0)


def introduce(link: Link, keys: Keys, home: str | None) -> Identity:
    """Give a shard its id, and note whose it is, if it has none yet; `home` is the home shard's id, None for itself.

    Errors: StoreError.
    """
    link.call("HSETNX", keys.shard, "id", secrets.token_hex(8))
    own = look(link, keys)
    link.call("HSETNX", keys.shard, "home", own.id if home is None else home)
    return look(link, keys)


def close(link: Link, keys: Keys, note: str) -> None:
    """Let producers put no plain jobs there. Errors: StoreError."""
    link.call("HSET", keys.shard, "closed", note)


def reopen(link: Link, keys: Keys) -> None:
    """Let them again. Errors: StoreError."""
    link.call("HDEL", keys.shard, "closed")
