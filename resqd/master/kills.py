"""The last step of stopping a job: when it is still on its thread at the deadline, its process is killed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

MARGIN = 0.25
"""Seconds past KILL_GRACE: a job that is interrupted at the last moment may still record its own end."""
SIBLINGS_GRACE = 1.0
"""Seconds that the other jobs of a process get before it is killed for the sake of one."""


@dataclass(slots=True)
class Order:
    """One process with the tokens that must be gone from its page at a moment."""

    fork: int
    tokens: frozenset[int]
    at: float
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Retire:
    """Let the process take no more jobs: it will be killed soon."""

    fork: int


@dataclass(frozen=True, slots=True)
class Execute:
    """Kill the process for the sake of these tokens."""

    fork: int
    tokens: frozenset[int]


@dataclass(slots=True)
class Kills:
    """The orders that stand. The master owns their deadlines: a job that holds the GIL stops its worker's clock."""

    grace: float
    _orders: list[Order] = field(default_factory=list)

    def order(self, fork: int, tokens: frozenset[int], now: float) -> None:
        """These tokens are being interrupted now. A token that is ordered already keeps its first deadline."""
        known = {token for order in self._orders if order.fork == fork for token in order.tokens}
        if fresh := tokens - known:
            self._orders.append(Order(fork, fresh, now + self.grace + MARGIN))

    def due(self, pages: dict[int, tuple[int, ...]], now: float) -> list[Retire | Execute]:
        """What to do now, given the tokens that each living fork's page shows."""
        actions: list[Retire | Execute] = []
        standing = []
        for order in self._orders:
            stuck = order.tokens.intersection(pages.get(order.fork, ()))
            if not stuck:
                continue
            siblings = set(pages[order.fork]) - order.tokens
            if now < order.at:
                standing.append(order)
            elif order.warned or not siblings:
                actions.append(Execute(order.fork, stuck))
            else:
                actions.append(Retire(order.fork))
                standing.append(Order(order.fork, stuck, now + SIBLINGS_GRACE, warned=True))
        self._orders = standing
        return actions

    def next_at(self) -> float | None:
        """When `due` may have something to do."""
        return min((order.at for order in self._orders), default=None)

    def pending(self) -> bool:
        """Whether any order stands."""
        return bool(self._orders)
