"""A stand-in for Redis that remembers each call of a producer, that is each round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resqd.errors import StoreUnavailable
from resqd.store.resque import payload as payloads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from resqd.store.later.later import When
    from resqd.store.unique.locks import Claim, Terms


class Calls:
    """An outlet: `made` has each call as its kind, queue and the first arguments of its jobs."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, list[Any]]] = []
        self.down = False

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        raws = list(raws)
        self._note("push", queue, raws)
        return len(raws)

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        self._note("front", queue, raws)
        return len(raws)

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        jobs = list(jobs)
        self._note(f"later {when.word} {when.micros}", queue, [raw for _, raw in jobs])
        return [job_id for job_id, _ in jobs]

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        del when, front
        self._note(f"unique {terms.on_conflict}", queue, [claim.raw for claim in claims])
        return [None] * len(claims)

    def keeps_results(self) -> None:
        self.made.append(("keeps results", "", []))

    def _note(self, kind: str, queue: str, raws: Iterable[bytes]) -> None:
        if self.down:
            raise StoreUnavailable("no Redis")
        self.made.append((kind, queue, [payloads.decode(raw).args[0] for raw in raws]))
