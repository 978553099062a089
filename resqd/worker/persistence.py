"""Doing what Redis must be told again and again, until it took it."""

from __future__ import annotations

from collections.abc import Callable

from resqd.errors import Fenced, StoreError, StoreRefused
from resqd.store.connection import Backoff
from resqd.store.health import Health
from resqd.worker.sleeper import Sleeper


def persist(
    action: Callable[[], object],
    *,
    leaving: Callable[[], bool],
    health: Health,
    backoff: Backoff,
    sleeper: Sleeper,
) -> bool:
    """Do it until it succeeds; False when told to leave while Redis does not answer. Errors: Fenced."""
    while True:
        try:
            action()
        except Fenced:
            raise
        except StoreError as error:
            health.bad(error)
            if leaving():
                return False
            sleeper.sleep(backoff.delay(refused=isinstance(error, StoreRefused)), listen=False)
        else:
            health.good()
            backoff.reset()
            return True
