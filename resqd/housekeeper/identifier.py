"""Finding out which jobs a worker runs when it cannot say so itself: one of them holds its GIL."""

from __future__ import annotations

from resqd.errors import PayloadError
from resqd.store.payload import decode
from resqd.store.recovery import Held, Recovery
from resqd.text import shown
from resqd.wire.messages import Identified, Identify, Running


class Identifier:
    """Looks tokens up in what is in flight. May raise a StoreError."""

    def __init__(self, *, recovery: Recovery, daemon: str, epoch: str) -> None:
        self._recovery = recovery
        self._daemon = daemon
        self._epoch = epoch

    def __call__(self, asked: Identify) -> Identified:
        """The jobs of these tokens, as far as they are still in flight and can be read."""
        for incarnation in self._recovery.incarnations(self._daemon):
            if (incarnation.epoch, incarnation.fork) == (self._epoch, asked.fork):
                held = self._recovery.inspect(incarnation, asked.tokens)
                jobs = (_running(token, job) for token, job in held.items())
                return Identified(asked.fork, tuple(job for job in jobs if job is not None))
        return Identified(asked.fork, ())


def _running(token: int, held: Held) -> Running | None:
    try:
        payload = decode(held.payload)
    except PayloadError:
        return None  # it is not the one that runs
    return Running(0, token, shown(payload.id or ""), shown(payload.job_class), shown(held.queue), 0.0, b"")
