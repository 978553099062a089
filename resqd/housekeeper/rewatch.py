"""The embedded server's watcher, watched: where it was killed another takes its place, and starts the server again."""

from __future__ import annotations

import time

from resqd import events
from resqd.errors import ResqdError
from resqd.store.redis.embedded import Embedded

LOOK_EVERY = 1.0
"""Seconds between two looks."""
START_WITHIN = 10.0
"""Seconds that a new watcher and its server may take; a server that still reads its files counts as started."""


class Rewatch:
    """On a thread of its own: the keeper's is busy with a server that does not answer just when this is needed."""

    def __init__(self, server: Embedded) -> None:
        self._server = server
        self._trouble = ""

    def run(self) -> None:
        """Look every second, as long as the process lives."""
        while True:
            time.sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Start a watcher where there is none. What goes wrong is said once, and tried again."""
        try:
            if self._server.rewatch(START_WITHIN):
                events.Housekeeper.server_rewatched()
        except (OSError, ResqdError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                events.Housekeeper.server_unwatched(error=self._trouble)
        else:
            self._trouble = ""
