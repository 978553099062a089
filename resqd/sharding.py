"""Which shards there are: several servers, or several slots of one Cluster. Nothing is opened here."""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from resqd import parsing
from resqd.errors import SettingsError

SLOTS = 16_384
"""Slots of a Cluster."""
MOST = 256
"""The most shards."""
_NEAR = 64
"""A tag's slot may be off by this part of the distance between two shards."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several Redis, or the only one. Number 0 is home, where keyed work lives, and which Ruby sees."""

    number: int
    url: str
    namespace: str

    @property
    def shown(self) -> str:
        """Its place without user and password."""
        place = parsing.without_password(self.url)
        return f"{place} {self.namespace}" if _on_cluster(self.url) else place


def shards_of(urls: Sequence[str], namespace: str) -> tuple[Shard, ...]:
    """The shards of one or more URLs, home first; one of a Cluster with `?shards=N` stands for N."""
    if len(urls) == 1 and (count := slots_wanted(urls[0])) > 1:
        home = parsing.tagged(namespace, urls[0])
        return tuple(
            Shard(number, urls[0], name) for number, name in enumerate((home, *_others(home, count)))
        )
    return tuple(Shard(i, url, parsing.tagged(namespace, url)) for i, url in enumerate(urls))


def url(text: str) -> str:
    """REDIS_URL. Errors: ValueError."""
    slots_wanted(parsing.redis_url(text))
    return text


def urls(text: str) -> tuple[str, ...]:
    """REDIS_SHARDS: URLs with spaces between them, home first; a Sentinel's holds commas. Errors: ValueError."""
    found = tuple(url(part) for part in text.split())
    if len(found) > MOST:
        raise ValueError(f"give at most {MOST} URLs")
    if len(set(found)) < len(found):
        raise ValueError("gives one server twice")
    if len(found) > 1 and any(slots_wanted(each) > 1 for each in found):
        raise ValueError("give either several URLs or one of a Cluster with ?shards=N")
    return found


def urls_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those of REDIS_SHARDS; none where it is not set. Errors: SettingsError."""
    try:
        return urls(environ.get("REDIS_SHARDS", ""))
    except ValueError as error:
        raise SettingsError([f"REDIS_SHARDS: {error}"]) from error


def slots_wanted(url: str) -> int:
    """How many shards a URL of a Cluster asks for by `?shards=N`; 1 where it says nothing. Errors: ValueError."""
    if not _on_cluster(url):
        return 1
    text = dict(parse_qsl(urlsplit(url).query)).get("shards", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ValueError(f"give shards=N from 1 to {MOST}")
    return int(text)


def slot_of(key: str) -> int:
    """The slot of a key of a Cluster: of what stands between its first brackets, else of all of it."""
    _, found, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    hashed = tag if found and closed and tag else key
    return binascii.crc_hqx(hashed.encode("utf-8", "surrogateescape"), 0) % SLOTS


def _on_cluster(url: str) -> bool:
    return url.partition("://")[0].partition("+")[2] == parsing.CLUSTER


@cache
def _others(home: str, count: int) -> tuple[str, ...]:
    """Namespaces whose slots lie the N-th part of all slots apart, beginning at that of `home`.

    A node has a range of slots: those of `{resque:1}` to `{resque:7}` would fall into four narrow regions. What is
    found depends on nothing but the home's namespace, so every program finds the same.
    """
    start, apart = slot_of(home), SLOTS / count
    wanted = {number: round(start + number * apart) % SLOTS for number in range(1, count)}
    head, _, rest = home.partition("{")
    tag, _, tail = rest.partition("}")
    near, number = max(1.0, apart / _NEAR), 0
    found: dict[int, str] = {}
    while len(found) < len(wanted):
        number += 1
        name = f"{head}{{{tag}:{number}}}{tail}"
        slot = slot_of(name)
        place = round((slot - start) / apart) % count
        if place and place not in found and _distance(slot, wanted[place]) <= near:
            found[place] = name
    return tuple(found[place] for place in sorted(found))


def _distance(one: int, other: int) -> int:
    apart = abs(one - other)
    return min(apart, SLOTS - apart)
