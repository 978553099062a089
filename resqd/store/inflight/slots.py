"""The gates of an owner's jobs: who may begin, what each holds, and who goes on when these have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from resqd.errors import StoreError
from resqd.store.gates.calls import Ask, Gate, Most, acquire_call, held_key, settle_call
from resqd.store.inflight.outbox import Outbox, Reservation
from resqd.store.inflight.tokens import token_ranges
from resqd.store.keys import Keys
from resqd.store.names import to_text

if TYPE_CHECKING:
    from resqd.store.redis.link import Link
    from resqd.store.redis.protocol import ScriptCall

Gating = Callable[[bytes], tuple[str, tuple[Gate, ...], bytes]]
"""The ticket and the gates of a job by its payload, and that payload, which may carry what was read in it.

There are no gates for a job without limits.
"""
_FEW = 8
"""Gates that are settled unasked, which saves a round trip."""
_BEGIN, _OVER = b"bo"


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
        self._doubtful = (
            False  # whether the last batch may come again, some of whose jobs may have begun, or be parked
        )
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
        read: list[Reservation] = []
        asks: dict[int, Ask] = {}
        for token, queue, raw in batch:
            ticket, gates, known = gating(raw)
            read.append((token, queue, known))
            if gates:
                asks[token] = Ask(ticket, gates)
        free = len(batch) - len(asks)
        letters = self._ask(asks, Most(max(0, most.jobs - free), most.gated)) if asks else b""
        verdicts = dict(zip(asks, letters, strict=True))
        begin, over = [], []
        for job in read:
            verdict = verdicts.get(job[0])
            if verdict is None and free > most.jobs:
                over.append(job[0])
                free -= 1
            elif verdict is None or verdict == _BEGIN:
                begin.append(job)
            elif verdict == _OVER:
                over.append(job[0])
        self._held.update((job[0], asks[job[0]].gates) for job in begin if job[0] in asks)
        self.used = self.used or bool(self._held)
        return Admitted(begin, over, len(batch) - len(begin) - len(over))

    def sure(self) -> None:
        """The last batch was admitted, and will not come again."""
        self._doubtful = False

    def _ask(self, asks: Mapping[int, Ask], most: Most) -> bytes:
        """A letter for each."""
        again, self._doubtful = self._doubtful, True
        call = acquire_call(
            self._keys,
            self._inflight,
            token_ranges(asks),
            [*asks.values()],
            most,
            force=self._force,
            again=again,
        )
        letters, wake = self._link.run_script(call)
        if wake:
            self.wake([to_text(name) for name in wake])
        return bytes(letters)

    def keys(self, tokens: Iterable[int]) -> list[str | bytes]:
        """The keys where these jobs are members."""
        return [held_key(self._keys, gate) for gate in self.gates(tokens)]

    def gates(self, tokens: Iterable[int]) -> list[str]:
        """The names of the gates that these jobs hold."""
        held = self._held
        several = {id(gates): gates for token in tokens if (gates := held.get(token))}
        return list(dict.fromkeys(gate.name for gates in several.values() for gate in gates))

    @property
    def tokens(self) -> list[int]:
        """The jobs that hold gates."""
        return list(self._held)

    def forget(self, tokens: Iterable[int]) -> None:
        """They have ended, or left."""
        for token in tokens:
            self._held.pop(token, None)

    def to_settle(self, outbox: Outbox) -> tuple[list[str], list[str]]:
        """The gates at which others are to go on with this exchange, and those after it.

        Where jobs that have succeeded held many, few of these have waiters: which, says the script that ends them.
        """
        if not self._held:
            return [], []
        gates = self.gates(outbox.tokens)
        return (gates, []) if len(gates) <= _FEW else ([], self.gates(outbox.others))

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
