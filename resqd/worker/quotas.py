"""How many jobs of each capped queue this worker may hold: given by the master, given back as jobs end."""

from __future__ import annotations

from collections.abc import Mapping

from resqd.wire.messages import Yielded


class Quotas:
    """The control thread orders and asks what was yielded, the fetcher settles; each attribute has one writer.

    A cap holds because a quota has one owner at a time: an order that raises it takes effect at once, one
    that lowers it as the jobs in hand allow, and the master gives to others only what was yielded.
    """

    def __init__(self) -> None:
        self.current: dict[str, int] = {}
        """What this worker owns now, by queue; never less than what it holds."""
        self._ordered: tuple[int, Mapping[str, int]] = (0, {})
        self._settled: tuple[int, dict[str, int]] = (0, {})
        self._told: tuple[int, dict[str, int]] = (0, {})

    def begin(self, quotas: Mapping[str, int]) -> None:
        """Start with what the master gave at the fork."""
        self.current = dict(quotas)
        self._ordered = self._settled = self._told = (0, self.current)

    def order(self, serial: int, quotas: Mapping[str, int]) -> None:
        """The master's newest order; `serial` numbers it."""
        self._ordered = (serial, quotas)

    def settle(self, held: Mapping[str, int], *, reserving: bool) -> bool:
        """Bring what is owned in line with the order and with what is held; whether anything changed.

        A worker that will reserve no more keeps what it holds, and does not take back what it yielded:
        the master may have given it to another.
        """
        serial, ordered = self._ordered
        limit = ordered if serial != self._settled[0] else self.current
        current = {
            queue: max(held.get(queue, 0), min(limit.get(queue, 0), quota) if reserving else 0)
            for queue, quota in ordered.items()
        }
        if (serial, current) == self._settled:
            return False
        self.current = current
        self._settled = (serial, current)
        return True

    def yielded(self) -> Yielded | None:
        """What the master has not been told yet."""
        return Yielded(*self._settled) if self._settled != self._told else None

    def told(self, message: Yielded) -> None:
        """The master has been sent this."""
        self._told = (message.serial, message.quotas)
