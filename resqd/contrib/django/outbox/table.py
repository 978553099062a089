"""The outbox as the App knows it: written on commit, and emptied by whoever moves its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, router, transaction

from resqd.application.outbox import TABLE, Hand, Rows
from resqd.contrib.django.connections import clean_connections, forget_inherited_connections
from resqd.contrib.django.outbox.models import OutboxRow
from resqd.store.relay.relay import Row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def alias() -> str:
    """The database that has the table, as the project's routers say."""
    return str(router.db_for_write(OutboxRow))


class Inserting(Rows):
    """Takes what is enqueued and writes it at once, as a part of the transaction. Errors: those of the database."""

    def take(self, rows: list[Row]) -> None:
        """Some more."""
        OutboxRow.objects.using(alias()).bulk_create(
            [OutboxRow(key=row.key, queue=row.queue, payload=row.raw, facts=row.facts()) for row in rows]
        )


class Table:
    """An Outbox."""

    name = TABLE

    def is_in_transaction(self) -> bool:
        """Whether this thread has a transaction open on that database, of which rows can be a part."""
        return bool(connections[alias()].in_atomic_block)

    def outlet(self) -> Inserting:
        """What makes rows of jobs."""
        return Inserting()

    def begin(self) -> None:
        """Let go of connections that came with a fork."""
        forget_inherited_connections()

    def move(self, hand: Hand, *, limit: int, without: Collection[str]) -> int:
        """Give away up to so many rows, the oldest first, but for those of some queues; how many there were."""
        around = clean_connections()
        next(around)  # a connection that broke, or is too old, is made anew
        try:
            if connections[alias()].features.has_select_for_update_skip_locked:
                with transaction.atomic(using=alias()):
                    return self._move(hand, _found(limit, without).select_for_update(skip_locked=True))
            # SQLite has one lock for all, which must not be held while Redis is asked: the application would wait. Two
            # that move the same rows put each once, since Redis knows them.
            return self._move(hand, _found(limit, without))
        finally:
            next(around, None)

    @staticmethod
    def _move(hand: Hand, query: Any) -> int:
        found = [*query]
        if found:
            _delete([row for row, gone in zip(found, hand([*map(_row, found)]), strict=True) if gone])
        return len(found)


def _found(limit: int, without: Collection[str]) -> Any:
    query = OutboxRow.objects.using(alias()).order_by("number")
    if without:
        query = query.exclude(queue__in=[*without])
    return query[:limit]


def _row(found: OutboxRow) -> Row:
    return Row.of(key=found.key, queue=found.queue, raw=bytes(found.payload), facts=found.facts)


def _delete(done: Sequence[OutboxRow]) -> None:
    """By its key too: a number may have been given again meanwhile."""
    if done:
        numbers, keys = [row.number for row in done], [row.key for row in done]
        rows = OutboxRow.objects.using(alias()).filter(number__in=numbers, key__in=keys)
        rows._raw_delete(rows.db)  # noqa: SLF001 - without reading them all first for signals that nobody hears
