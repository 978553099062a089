"""What becomes of failure records, as steps of the script that changes a failed list."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from resqd.errors import PayloadError
from resqd.store.debts import PLACES, Debts, arguments_of, owed_by
from resqd.store.keys import Keys
from resqd.store.names import is_name, to_bytes
from resqd.text import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resqd.store.redis.protocol import Argument
    from resqd.store.resque.failed_job import FailedJob

_BATCH_BYTES: Final = 4 * 1024 * 1024

Verdict = Literal["keep", "remove", "requeue", "mark"]
"""What becomes of a record: kept, deleted, requeued and deleted, or requeued and kept with the time of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a list: the record at `at`, if it is still that one, becomes `new` or goes."""

    at: int
    digest: str
    new: bytes
    queue: str
    payload: bytes
    lock: str = ""
    """The lock that the job must get, FINGERPRINT TICKET, as it is put back."""
    outcome: Literal["requeued", "forgotten", ""] = ""
    debts: Debts = ()
    """The job's places in batches, and what this step means for them."""

    @classmethod
    def of(cls, failure: FailedJob, verdict: Verdict, at: int) -> Step:
        """Raises PayloadError where the job is to be requeued and cannot be, whatever others wrote into its record."""
        digest = hashlib.sha1(failure.record, usedforsecurity=False).hexdigest()
        if verdict == "remove":
            return cls(at, digest, b"", "", b"", "", *_forgotten(failure))
        if not failure.queue:
            raise PayloadError("the record does not say which queue the job came from")
        if not is_name(failure.queue):
            raise PayloadError(f"the record names a queue that cannot be: {escaped(failure.queue)}")
        new = failure.retried_record() if verdict == "mark" else b""
        payload = failure.next_payload()
        lock = next((debt.member for debt in owed_by(payload) if debt.kind in {"unique", "start"}), "")
        return cls(at, digest, new, failure.queue, payload, lock, "requeued", _places(payload))

    def args(self, keys: Keys) -> list[bytes | str | int]:
        """The script's arguments for this step."""
        own: list[Argument] = [
            self.at,
            self.digest,
            self.new,
            to_bytes(self.queue),
            self.payload,
            self.lock,
            self.outcome,
        ]
        return [*own, *arguments_of(self.debts, keys)]


def _places(payload: bytes) -> Debts:
    return tuple(debt for debt in owed_by(payload) if debt.kind in PLACES)


def _forgotten(failure: FailedJob) -> tuple[Literal["forgotten", ""], Debts]:
    """A job whose record goes was in a batch as failed, unless it was put back before, and is what it is by now."""
    if failure.retried_at or b'"resqd' not in failure.record:
        return "", ()
    try:
        return "forgotten", _places(failure.next_payload())
    except PayloadError:
        return "", ()


class NotUnique(PayloadError):  # noqa: N818 - names the state of the job
    """A unique job cannot be put back, since another holds its lock."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"it is unique, and job {holder} holds its lock (see resqd unique list)")


def plan(
    chunk: list[FailedJob],
    judge: Callable[[FailedJob], Verdict],
    offset: int,
    *,
    holders: Callable[[list[str]], dict[str, str]],
    refused: Callable[[FailedJob, str], None] | None = None,
) -> list[Step | None]:
    """For each record of a chunk that starts at `offset` a step, or None where it stays as it is.

    `holders` tells which of these fingerprints are locked, and by which jobs.
    """
    steps: list[Step | None] = []
    taken: dict[str, str] = {}  # locks that steps before will have taken
    for failure in chunk:
        verdict = judge(failure)
        try:
            step = None if verdict == "keep" else Step.of(failure, verdict, offset)
            if step is not None and step.lock:
                fingerprint = step.lock.partition(" ")[0]
                if (holder := {**holders([fingerprint]), **taken}.get(fingerprint)) is not None:
                    raise NotUnique(holder)
                taken[fingerprint] = step.lock.partition(" ")[2]
        except PayloadError as error:
            step = None  # it cannot be put back, so its record stays, for people to look at
            if refused is not None:
                refused(failure, str(error))
        steps.append(step)
        offset += step is None or verdict == "mark"
    return steps


def batches(steps: list[Step]) -> Iterator[list[Step]]:
    """The steps in order, in parts of some megabytes for one call of the script each."""
    batch: list[Step] = []
    size = 0
    for step in steps:
        if batch and size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(step)
        size += len(step.payload) + len(step.new)
    if batch:
        yield batch
