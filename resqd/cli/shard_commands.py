"""resqd shards: which there are, one more or one less, and what waits on one moved to another."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import click

from resqd import sharding
from resqd.cli import output
from resqd.cli.output import report
from resqd.cli.program import NotDone, OpenedStore, as_json, confirm, one_line, opened, with_redis
from resqd.clock import Deadline
from resqd.errors import StoreUnavailable
from resqd.sharding import Shard, shards_of
from resqd.store.resque.store import Store
from resqd.store.shards import identity, marks
from resqd.store.shards.identity import Identity
from resqd.store.shards.moving import Mover

LOOK_EVERY = 0.5
"""Seconds between two looks whether a shard is empty."""
HEARD_WITHIN = marks.EVERY + 1.0
"""Seconds within which every program that enqueues hears that a shard was closed."""
_COUNTS = ("waiting", "in_flight", "later", "failed")


@dataclass(frozen=True, slots=True)
class _Place:
    """One shard, and its store."""

    shard: Shard
    store: Store

    @property
    def identity(self) -> Identity:
        return self.store.on_link(identity.look)

    def counts(self) -> dict[str, int]:
        """What is there. Errors: StoreError."""
        books = self.store.books
        return {
            "waiting": sum(books.queues.sizes().values()),
            "in_flight": sum(books.overview.in_flight().values()) + books.overview.suspects(),
            "later": self.store.on_later(lambda later: later.count()),
            "failed": books.failures.count(),
        }


@click.group(cls=output.Group)
def shards() -> None:
    """Look at the shards of REDIS_SHARDS; prepare one more, empty one, and move what waits there."""


@shards.command("list")
@with_redis
@as_json
def list_(in_json: bool, **redis: str | None) -> None:
    """Show all shards: whether they answer, who serves them, and what is there."""
    with opened(**redis) as there:
        places = _places(there)
        there.store.survey()
        away = there.store.left_out
        home = "" if places[0].shard.shown in away else places[0].identity.home
        found = [_facts(place, home=home, away=place.shard.shown in away) for place in places]
    if in_json:
        click.echo(json.dumps(found))
    else:
        _tables().show_shards(found)
    for each in found:
        if each["daemons"] == 0 and any(other["daemons"] for other in found):
            click.echo(
                f"resqd: {each['where']}: no daemon serves it; are there any with another REDIS_SHARDS?",
                err=True,
            )


@shards.command()
@click.argument("url", type=output.name)
@with_redis
@as_json
def add(url: str, in_json: bool, **redis: str | None) -> None:
    """Prepare the server at URL as one more shard, or open one again that was drained.

    It gets jobs once daemons, and after them all other programs, are given the REDIS_SHARDS that this prints.
    """
    try:
        sharding.url(url)
    except ValueError as error:
        raise click.UsageError(f"URL: {error}") from None
    with opened(**redis) as there:
        places = _places(there)
        urls = [place.shard.url for place in places]
        known = url in urls
        shard = shards_of([*urls, url], there.namespace)[-1]
        store = places[urls.index(url)].store if known else Store.of(url=url, namespace=shard.namespace)
        try:
            home = places[0].store.on_link(lambda link, keys: identity.introduce(link, keys, None))
            found = store.on_link(lambda link, keys: identity.introduce(link, keys, home.id))
            if found.strange(home.home) or (not known and found.id == home.id):
                raise NotDone(f"{shard.shown} is a shard already, of another home or under another name")
            store.on_link(identity.reopen)
        finally:
            if not known:
                store.close()
    told = " ".join(urls if known else [*urls, url])
    if in_json:
        report(json.dumps({"ok": True, "id": found.id, "redis_shards": told}))
    elif known:
        report(f"{shard.shown} is open: it gets jobs again within some seconds")
    else:
        report(f'ready. Give this to all daemons first, then to all other programs:\nREDIS_SHARDS="{told}"')


@shards.command()
@click.argument("shard", type=output.name)
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this.")
@with_redis
@as_json
def drain(shard: str, timeout: float | None, in_json: bool, **redis: str | None) -> None:
    """Let SHARD, a number or a URL, get no plain jobs any more, and wait until what is there has run.

    `resqd shards add URL` opens it again. What is to run later there, and failures, are left to `resqd shards move`.
    """
    with opened(**redis) as there:
        place = _chosen(_places(there), shard)
        if place.shard.number == 0:
            raise NotDone("the home shard cannot be drained: keyed jobs have no other place")
        heard = time.monotonic() + (0.0 if place.identity.closed else HEARD_WITHIN)
        place.store.on_link(lambda link, keys: identity.close(link, keys, _note()))
        left = _wait_until_empty(place, timeout, heard=heard)
    if in_json:
        report(json.dumps({"ok": not any(left.values()), **left}))
    if left["waiting"] or left["in_flight"]:
        raise NotDone(f"{_shown(left)} are still there; it stays closed, and this can be called again")
    if left["later"] or left["failed"]:
        raise NotDone(
            f"no job runs there any more; {_shown(left)} are there: resqd shards move {shard} OTHER"
        )
    if not in_json:
        report(f"{place.shard.shown} is empty: take it out of REDIS_SHARDS")


@shards.command()
@click.argument("source", type=output.name)
@click.argument("target", type=output.name)
@click.option("--yes", "-y", is_flag=True, help="Do not ask first.")
@with_redis
@as_json
def move(source: str, target: str, yes: bool, in_json: bool, **redis: str | None) -> None:
    """Move what waits on the shard SOURCE, which was drained, to TARGET: jobs, jobs for later, and failures.

    Each goes once, also where this is stopped: called again, it goes on. A job with a key goes to the home shard.
    """
    with opened(**redis) as there:
        places = _places(there)
        here, to = _chosen(places, source), _chosen(places, target)
        known = here.identity
        if here == to:
            raise click.UsageError("these are one and the same shard")
        if not known.closed or not known.id:
            raise NotDone(f"{here.shard.shown} still gets jobs: resqd shards drain {one_line(source)}")
        question = f"Move {_shown(here.counts())} to {to.shard.shown}?"
        confirm(question, yes=yes)
        moved = Mover(here.store, to.store, places[0].store, source_id=known.id).run()
    report(json.dumps({"ok": True, "moved": moved}) if in_json else f"moved {moved}")


def _places(there: OpenedStore) -> list[_Place]:
    found = shards_of(there.shards or (there.url,), there.namespace)
    return [_Place(shard, store) for shard, store in zip(found, there.store.every, strict=True)]


def _chosen(places: list[_Place], text: str) -> _Place:
    for place in places:
        if text in (str(place.shard.number), place.shard.url, place.shard.shown):
            return place
    raise NotDone(f"{one_line(text)}: no such shard; resqd shards list shows all")


def _facts(place: _Place, *, home: str, away: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"shard": place.shard.number, "where": place.shard.shown}
    empty = {"id": None, "daemons": None, **dict.fromkeys(_COUNTS)}
    if away:
        return facts | {"state": "away", **empty}
    try:
        known, counts = place.identity, place.counts()
    except StoreUnavailable:
        return facts | {"state": "away", **empty}
    state = "home" if place.shard.number == 0 else "open"
    if known.strange(home):
        state = "of another home"
    elif known.closed and place.shard.number:
        state = f"closed ({known.closed})"
    return facts | {"state": state, "id": known.id or None, "daemons": known.daemons, **counts}


def _wait_until_empty(place: _Place, timeout: float | None, *, heard: float) -> dict[str, int]:
    """What is left; not before all programs have heard that the shard is closed."""
    deadline = None if timeout is None else Deadline.after(timeout)
    while True:
        left = place.counts()
        empty = not (left["waiting"] or left["in_flight"]) and time.monotonic() >= heard
        if empty or (deadline and deadline.expired()):
            return left
        time.sleep(LOOK_EVERY)


def _shown(counts: dict[str, int]) -> str:
    words = {"waiting": "waiting", "in_flight": "in flight", "later": "for later", "failed": "failed"}
    return ", ".join(f"{counts[name]:,} {words[name]}" for name in _COUNTS if counts[name]) or "nothing"


def _note() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"by {user} of {socket.gethostname()} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tables() -> ModuleType:
    from resqd.cli import tables  # noqa: PLC0415 - imports rich, when a table is shown

    return tables
