"""What the server must be like for nothing to be lost; whoever may not ask is not told."""

from __future__ import annotations

from resqd.errors import StoreError, StoreUnavailable
from resqd.store.keys import to_text
from resqd.store.link import Link


def shortcomings(link: Link, *, embedded: bool) -> list[str]:
    """One line for each setting of the server that may lose jobs. Errors: StoreUnavailable.

    `embedded`: it is resqd's own, which always keeps its files.
    """
    lines = []
    policy = _setting(link, "maxmemory-policy")
    if policy not in (None, "noeviction"):
        lines.append(
            f"Redis drops keys when its memory is full (maxmemory-policy {policy}): set it to noeviction"
        )
    if not embedded and _setting(link, "appendonly") == "no" and _setting(link, "save") == "":
        lines.append("Redis keeps nothing on disk: jobs are lost when it ends; turn on appendonly, or save")
    return lines


def _setting(link: Link, name: str) -> str | None:
    """A setting of the server; None where CONFIG is refused or has no such setting, as with hosted ones."""
    try:
        reply = link.call("CONFIG", "GET", name)
    except StoreUnavailable:
        raise
    except StoreError:
        return None
    return to_text(reply[1]) if reply else None
