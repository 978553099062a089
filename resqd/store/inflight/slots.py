"""The gates of an owner's jobs: who may begin, what each holds, and who goes on when these have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from resqd.errors import StoreError
from resqd.store.gates.calls import Ask, Gate, Most, acquire_call, held_key, settle_call
from resqd.store.inflight.outbox import ALL, Reservation
from resqd.store.inflight.tokens import token_text
from resqd.store.keys import Keys
from resqd.store.names import to_text

if TYPE_CHECKING:
    from resqd.store.redis.link import Link
    from resqd.store.redis.protocol import ScriptCall

Gating = Callable[[bytes], tuple[str, tuple[Gate, ...]]]
"""The ticket and the gates of a job by its payload; no gates for a job without limits."""


class Admitted(NamedTuple):
    """Those of a batch that may begin, those that must go back, and how many are parked."""

    batch: list[Reservation]
    over: list[int]
    parked: int


class Slots:
    """What the jobs of one incarnation hold of gates. `gating` is None for an application without limits.

    `force`: they hold gates, but wait for none.
    """

    def __init__(
        self, *, link: Link, keys: Keys, inflight: str, gating: Gating | None, force: bool = False
    ) -> None:
        self._link = link
        self._keys = keys
        self._inflight = inflight
        self._gating = gating
        self._force = force
        self._held: dict[int, tuple[Gate, ...]] = {}
        self.used = False
        """Whether any job has held a gate: one that has ended may be back, where Redis has lost its end."""

    def __bool__(self) -> bool:
        """Whether some job holds a gate."""
        return bool(self._held)

    def admit(self, batch: list[Reservation], most: Most) -> Admitted:
        """Take the gates of jobs that have just been reserved; those whose gates are full are parked.

        Asking again about the same jobs changes nothing. Errors: StoreError.
        """
        gating = self._gating
        if gating is None or not batch:
            return Admitted(batch, [], 0)
        asks = [Ask(token_text(token), *gating(raw)) for token, _, raw in batch]
        if most is ALL and not any(ask.gates for ask in asks):
            return Admitted(batch, [], 0)
        call = acquire_call(self._keys, self._inflight, asks, most, force=self._force)
        verdicts, wake = self._link.run_script(call)
        if wake:
            self.wake([to_text(name) for name in wake])
        begin, over, parked = [], [], 0
        for job, ask, verdict in zip(batch, asks, verdicts, strict=True):
            if verdict == b"begin":
                begin.append(job)
                if ask.gates:
                    self._held[job[0]] = ask.gates
                    self.used = True
            elif verdict == b"over":
                over.append(job[0])
            else:
                parked += 1
        return Admitted(begin, over, parked)

    def keys(self, tokens: Iterable[int]) -> list[str | bytes]:
        """The keys where these jobs are members."""
        return [held_key(self._keys, gate) for gate in self.gates(tokens)]

    def gates(self, tokens: Iterable[int]) -> list[str]:
        """The names of the gates that these jobs hold."""
        return list(dict.fromkeys(gate.name for token in tokens for gate in self._held.get(token, ())))

    @property
    def tokens(self) -> list[int]:
        """The jobs that hold gates."""
        return list(self._held)

    def forget(self, tokens: Iterable[int]) -> None:
        """They have ended, or left."""
        for token in tokens:
            self._held.pop(token, None)

    def settle(self, gates: Sequence[str], named: Iterable[str | bytes]) -> ScriptCall:
        """Let others go on that wait at these gates."""
        return settle_call(self._keys, gates, named)

    def wake(self, gates: Sequence[str], named: Sequence[str | bytes] = ()) -> int:
        """The same at once; how many went on. What fails here is left to the housekeepers' rounds."""
        try:
            passed, _, _ = self._link.run_naming(partial(settle_call, self._keys, gates), named)
        except StoreError:
            return 0
        return int(passed)
