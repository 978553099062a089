"""Dealing out the caps of queues to workers, so that what all of them own never exceeds a cap. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from resqd.settings import QueueSpec

Quotas = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker that will go on taking jobs, or one that is about to be forked.

    `room` is how many threads it has, `promised` the last order sent to it, and `owned` the most that it may
    hold of each queue: more than promised as long as it has not yielded what an order took, less when it
    has given back by itself. `usable` is what it could use of each queue now, as many as it has
    threads where that is not told.
    """

    room: int
    promised: Quotas
    owned: Quotas
    usable: Quotas = field(default_factory=dict)

    def could_use(self, queue: str) -> int:
        """What it could use of the queue now."""
        return min(self.room, self.usable.get(queue, self.room))

    def needs(self, quotas: Quotas) -> bool:
        """Whether these quotas have to be sent: they differ, or the worker has given some of them back."""
        return any(quotas[q] != self.promised.get(q, 0) or quotas[q] > self.owned.get(q, 0) for q in quotas)


def limits(specs: Iterable[QueueSpec], threads: int) -> dict[str, int]:
    """The cap of each queue that has one, for a daemon of so many threads."""
    return {spec.pattern: spec.limit(threads) for spec in specs if spec.capped}


def free(caps: Quotas, owned: Iterable[Quotas]) -> dict[str, int]:
    """What nobody owns of each cap; below 0 where a cap has become smaller than what workers own."""
    owners = list(owned)
    return {queue: cap - sum(each.get(queue, 0) for each in owners) for queue, cap in caps.items()}


def for_suspects(most: int, suspects: int, capped: Quotas, unowned: Quotas) -> Iterable[dict[str, int]]:
    """The quotas of the probation workers to fork now, `most` at the most: one for each suspect that may begin.

    `capped` are those of the suspects whose queues have caps. Nobody knows which suspect a worker will take: it gets
    a unit of each capped queue that has suspects and a unit to spare, and gives back those of the others as soon as
    it has taken one. So only the cap of its own queue can make a suspect wait.
    """
    left, given = dict(unowned), dict.fromkeys(capped, 0)
    for number in range(most):
        closed = sum(
            max(0, count - given[queue]) for queue, count in capped.items() if left.get(queue, 0) < 1
        )
        if suspects - closed <= number:
            return
        quotas = {queue: 1 for queue in capped if left.get(queue, 0) >= 1}
        for queue in quotas:
            left[queue] -= 1
            given[queue] += 1
        yield quotas


def deal(caps: Quotas, holders: Sequence[Holder], unowned: Quotas, *, turn: int = 0) -> list[dict[str, int]]:
    """The quotas that each holder should be sent: an even share of each cap, as far as it can be given now.

    What some cannot use goes to those who can; what nobody can use now is spread over all, to be there when it is
    needed. A share that another still owns comes later: a lower quota asks him for it, and what he yields is dealt
    by the next call. Remainders begin at another holder for each queue, and in each `turn`, so that none gets all of
    them.
    """
    dealt: list[dict[str, int]] = [{} for _ in holders]
    for number, (queue, cap) in enumerate(caps.items()):
        left = max(0, unowned[queue])
        shares = _by_use(
            cap, [(holder.could_use(queue), holder.room) for holder in holders], first=number + turn
        )
        for quotas, holder, share in zip(dealt, holders, shares, strict=True):
            owned = holder.owned.get(queue, 0)
            quotas[queue] = min(share, owned + left)
            left -= max(0, quotas[queue] - owned)
    return dealt


def _by_use(cap: int, holders: Sequence[tuple[int, int]], *, first: int) -> list[int]:
    """Shares of what can be used, then of what there is room for beyond that."""
    used = _shares(cap, [usable for usable, _ in holders], first=first)
    spare = _shares(cap - sum(used), [room - usable for usable, room in holders], first=first)
    return [one + more for one, more in zip(used, spare, strict=True)]


def _shares(cap: int, rooms: Sequence[int], *, first: int) -> list[int]:
    """As even as can be, to nobody more than he has room for; `first` gets the first unit that is left over."""
    shares = [0] * len(rooms)
    left = min(cap, sum(rooms))
    turns = [(first + turn) % len(rooms) for turn in range(len(rooms))]
    while left > 0:
        open_places = [place for place in turns if shares[place] < rooms[place]]
        even = max(1, left // len(open_places))
        for place in open_places:
            given = min(even, rooms[place] - shares[place], left)
            shares[place] += given
            left -= given
    return shares
