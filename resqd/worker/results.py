"""What a job returned, where others of its workflow take it as an argument."""

from __future__ import annotations

import json

from resqd.errors import PayloadError
from resqd.job import Job
from resqd.store.debts import Debt, Debts, member_of
from resqd.store.resque.marks import UNMARKED
from resqd.store.resque.payload import Payload
from resqd.worker.recorder import named

GIVES = "gives"
"""The producer's mark of a job whose result is wanted."""


class Kept:
    """What a job returns, and what is to be settled before its end because another one takes that as an argument."""

    __slots__ = ("_debts", "_job", "_payload", "gives", "value")

    def __init__(self, job: Job[..., object], payload: Payload) -> None:
        self.value: object = None
        self._job = job
        self.gives = bool((payload.marks or UNMARKED).options.get(GIVES))
        self._payload = payload
        self._debts: Debts = ()

    @property
    def debts(self) -> Debts:
        """What is to be settled, once the job has returned."""
        return self._debts

    def keep(self, result: object) -> None:
        """Take what it returns. Raises PayloadError for what JSON has not, where another job takes it."""
        self.value = result
        member = member_of((self._payload.marks or UNMARKED).debts) if self.gives else None
        if member is None:
            return
        seal = self._job.seal
        try:
            sealed = result if seal is None else seal.keyring.value(result)
            written = json.dumps(sealed, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise PayloadError(
                f"the result of {named(self._payload)} is an argument of another job, and cannot be written as JSON: "
                f"{error}"
            ) from None
        self._debts = (Debt("result", f"{member[0]} {member[1][0]} {written}"),)
