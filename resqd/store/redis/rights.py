"""Which commands a user of Redis lacks: where scripts bear with a refusal, nobody else would say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from resqd.store.keys import Keys
from resqd.store.names import to_text
from resqd.store.redis.protocol import PackedKeys, Script, ScriptCall

if TYPE_CHECKING:
    from resqd.store.redis.link import Link

_RIGHTS: Final = Script.load("redis/rights")


def lacking(link: Link, keys: Keys) -> list[str]:
    """The commands on keys that the server refuses to this user; mostly none. Errors: StoreError."""
    scratch = PackedKeys.of(f"{keys.namespace}:resqd:rights")
    return [to_text(name).lower() for name in link.run_script(ScriptCall(_RIGHTS, scratch))]


def complaint(commands: list[str]) -> str:
    """What is missing, and the remedy."""
    named, rights = ", ".join(map(str.upper, commands)), " ".join(f"+{name}" for name in commands)
    return f"Redis does not let this user run {named}, which loses counts or jobs: add {rights} to its ACL"
