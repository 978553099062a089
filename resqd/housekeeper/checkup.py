"""What may lose jobs on the server's side, said when Redis first answers."""

from __future__ import annotations

import logging

from resqd.settings import Settings
from resqd.store.embedded import server_binary
from resqd.store.link import Link
from resqd.store.preconditions import shortcomings

_log = logging.getLogger(__name__)
ONCE = float("inf")
"""How often, in seconds, the checkup is due."""


def check_up(link: Link, settings: Settings) -> None:
    """Warn of each shortcoming. May raise a StoreError."""
    embedded = settings.redis_url is None and server_binary() is not None
    for line in shortcomings(link, embedded=embedded):
        _log.warning("%s", line)
