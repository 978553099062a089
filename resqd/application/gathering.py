"""What belongs to a batch: the payloads of its jobs, and its callbacks, as Redis keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from resqd.errors import BatchError
from resqd.sealing import MARK
from resqd.store.batches.filling import entry_of
from resqd.store.debts import OWES
from resqd.store.resque import encoding
from resqd.store.resque import payload as payloads
from resqd.using import Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


_MARKED: Final = '{"resqd":'


def belonging(raw: bytes, kind: str, member: str) -> bytes:
    """A payload that owes this at its end."""
    if raw.startswith(b'{"class":'):
        return b'{"resqd":{"owes":{"%b":"%b"}},%b' % (kind.encode(), member.encode(), raw[1:])
    marks, end = payloads.scan(raw.decode(), len(_MARKED))
    rest = b"{" + raw.decode()[end + 1 :].encode()
    return encoding.marked(rest, {**marks, OWES: {**marks.get(OWES, {}), kind: member}})


def payload_of(
    signature: Signature, job_id: str, marks: Mapping[str, Any], clear: Callable[[str], bool] | None = None
) -> bytes:
    """A payload for later: it says nothing of when it was enqueued, since nobody knows. Errors: PayloadError.

    Where it is encrypted, texts that are `clear` stay as they are, since something will stand in their place.
    """
    job, args = signature.job, signature.args
    if job.seal is not None:
        marks, written = {**marks, MARK: 1}, encoding.written(job.name, args)
        args = job.seal.args(written) if clear is None else job.seal.keyring.but_for(list(args), clear)
    raw = encoding.encode(job.name, args, id=job_id)
    if (tracer := signature.tracer) is not None:
        raw = tracer.creating(job.name, queue_of(signature), job_id, raw)
    return encoding.marked(raw, marks) if marks else raw


def queue_of(signature: Signature) -> str:
    """Where it goes."""
    return signature.delivery.queue or str(signature.job.queue)


def check(where: str, signature: object) -> Signature:
    """Errors: TypeError for what is no signature, BatchError for one that says when to run."""
    if not isinstance(signature, Signature):
        raise TypeError(f"{where} takes a signature, such as report.s(7), and not {signature!r}")
    if signature.delivery.when is not None or signature.delivery.front:
        raise BatchError(f"{where} runs when its turn has come: give {signature!r} no delay, at or front")
    return signature


def callback(where: str, signature: Signature | None) -> tuple[str, bytes] | None:
    """The id that a callback will have, and its entry. Hooks are not asked whether it may be enqueued."""
    if signature is None:
        return None
    found, job_id = check(where, signature), encoding.new_id()
    return job_id, entry_of(queue_of(found), payload_of(found, job_id, found.delivery.marks))
