"""Waiting for a transaction: what is to happen once all that this thread has open is committed, or never."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db import transaction as django_transaction

if TYPE_CHECKING:
    from collections.abc import Callable


def after_commit(act: Callable[[], object]) -> None:
    """Call `act` when every database that is in a transaction now has committed it; at once where none is.

    Where one of them rolls back, be it to a savepoint that was set before this call, `act` is never called.
    Raises Django's TransactionManagementError where autocommit was switched off by hand: nobody tells of a commit then.
    """
    waiting = _open()

    def committed(alias: str) -> None:
        waiting.discard(alias)
        if not waiting:
            act()

    if not waiting:
        act()
    for alias in sorted(waiting):
        django_transaction.on_commit(partial(committed, alias), using=alias)


def in_transaction() -> bool:
    """Whether this thread has a transaction open."""
    return bool(_open())


def _open() -> set[str]:
    """The databases that are in a transaction of this thread."""
    return {connection.alias for connection in connections.all(initialized_only=True) if _is_open(connection)}


def _is_open(connection: Any) -> bool:
    by_hand = connection.connection is not None and not connection.get_autocommit()
    return bool(connection.in_atomic_block or by_hand)
