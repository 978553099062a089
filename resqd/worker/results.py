"""What a job returned, where others of its workflow take it as an argument."""

from __future__ import annotations

import json
from collections.abc import Callable

from resqd.errors import PayloadError
from resqd.job import Job
from resqd.store.debts import Debt, Debts, member_of
from resqd.store.resque.marks import UNMARKED
from resqd.store.resque.payload import Payload
from resqd.worker.recorder import Judgement, named

GIVES = "gives"
"""The producer's mark of a job whose result is wanted."""


def run_for_result(
    job: Job[..., object],
    payload: Payload,
    judge: Callable[[BaseException], Judgement],
    told: Callable[[object], object] = lambda _result: None,
) -> Debts:
    """Run it, and say what it returns to `told`; what is to be settled before its end.

    Raises what the job raises, and PayloadError for what JSON has not.
    """
    given: list[Debts] = []

    def keep(result: object) -> None:
        told(result)
        given.append(giving(job, payload, result))

    job.run(payload.args, judge, keep)
    return given[0] if given else ()


def giving(job: Job[..., object], payload: Payload, result: object) -> Debts:
    """What is to be settled before the end of a job that has returned this. Errors: PayloadError, as above."""
    member = member_of((payload.marks or UNMARKED).debts)
    try:
        sealed = job.seal.keyring.value(result) if job.seal is not None else result
        text = json.dumps(sealed, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(
            f"the result of {named(payload)} is an argument of another job, and cannot be written as JSON: {error}"
        ) from None
    return () if member is None else (Debt("result", f"{member[0]} {member[1][0]} {text}"),)
