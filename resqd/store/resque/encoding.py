"""Payloads as they are written: JSON that Ruby reads, one at a time or many."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import PayloadError
from resqd.store.resque.payload import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_quote: Final = json.encoder.encode_basestring
_encoder: Final = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)
_ascii_encoder: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


def _chunker() -> Callable[[Any, int], Iterable[str]]:
    """What `_encoder.encode` makes anew for each value, and lets write it in C: half of its time goes there."""
    try:
        chunker: Callable[[Any, int], Iterable[str]] = json.encoder.c_make_encoder(  # type: ignore[attr-defined] # not in the stubs
            None, _encoder.default, _quote, None, ":", ",", False, False, False
        )
    except (AttributeError, TypeError):  # a Python that has none, or another one
        return lambda value, _level: (_encoder.encode(value),)
    return chunker


_chunks: Final = _chunker()


_join: Final = "".join


def new_id() -> str:
    """A job id as the Ruby fork writes it: 32 hexadecimal digits, random."""
    return os.urandom(16).hex()


def encode(
    job_class: str,
    args: Sequence[Any],
    *,
    id: str | None,  # noqa: A002 - the key's name in the payload
    generation: int = 1,
    enqueued_at: float | None = None,
) -> bytes:
    """The payload's bytes, in the Ruby fork's shape and order of keys; keys that are None are left out.

    Raises PayloadError where `args` cannot be written as JSON (NaN, Infinity, objects of other types).
    """
    tail = _tail(id, generation, enqueued_at)
    try:
        text = f'{{"class":{_quote(job_class)},"args":{_join(_chunks(args, 0))}{tail}}}'
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form; its JSON escape survives both ways.
        text = f'{{"class":{_ascii_encoder.encode(job_class)},"args":{_ascii_encoder.encode(args)}{tail}}}'
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        # It knows decimal and uuid, half a megabyte that no daemon needs otherwise.
        from resqd.store.resque.unwritable import problem  # noqa: PLC0415 - see above

        why = problem(args) or error
        raise PayloadError(f"the arguments of {job_class} cannot be written as JSON: {why}") from None


def encode_new(job_class: str, args: Sequence[Any], *, enqueued_at: float) -> tuple[str, bytes]:
    """A new job's id and payload. Errors as for `encode`, which this is in short for the common case."""
    job_id = os.urandom(16).hex()
    # Formats like :.3f take 7 microseconds more where their code has gone cold.
    stamp = "%d.%03d" % divmod(round(enqueued_at * 1_000), 1_000)  # noqa: UP031 - see above
    try:
        text = (
            f'{{"class":{_quote(job_class)},"args":{_join(_chunks(args, 0))},"id":"{job_id}",'
            f'"generation":1,"enqueued_at":{stamp}}}'
        )
        return job_id, text.encode()
    except (TypeError, ValueError, RecursionError):
        # Not UTF-8, or not JSON at all: the slow way tells them apart.
        return job_id, encode(job_class, args, id=job_id, enqueued_at=enqueued_at)


def written(job_class: str, args: Sequence[Any]) -> bytes:
    """Arguments as their JSON. Errors as for `encode`."""
    try:
        return _join(_chunks(list(args), 0)).encode()
    except (TypeError, ValueError, RecursionError):
        raw = encode(job_class, args, id=None)  # which says what is wrong, or escapes it
        return json.dumps(load(raw)["args"]).encode()


def marked(raw: bytes, marks: Mapping[str, Any]) -> bytes:
    """A payload of ours with an object before its class, for whoever runs it: what its producer asked for."""
    return b'{"resqd":%b,%b' % (_encoder.encode(dict(marks)).encode(), raw[1:])


def encode_many(
    job_class: str, batch: Iterable[Sequence[Any]], *, enqueued_at: float | None = None
) -> Iterator[tuple[str, bytes]]:
    """Pairs of id and payload for jobs of one class; all ids come from one read of system randomness."""
    rows = batch if isinstance(batch, list) else list(batch)
    digits = os.urandom(16 * len(rows)).hex()
    head = f'{{"class":{_quote(job_class)},"args":'
    tail = _tail("", 1, enqueued_at).removeprefix(',"id":"') + "}"
    for start, args in zip(itertools.count(0, 32), rows, strict=False):
        job_id = digits[start : start + 32]
        try:
            raw = f'{head}{_join(_chunks(args, 0))},"id":"{job_id}{tail}'.encode()
        except (TypeError, ValueError, RecursionError):
            # Not UTF-8, or not JSON at all: the slow way tells them apart.
            raw = encode(job_class, args, id=job_id, enqueued_at=enqueued_at)
        yield job_id, raw


def _tail(job_id: str | None, generation: int, enqueued_at: float | None) -> str:
    identity = "" if job_id is None else f',"id":{_quote(job_id)}'
    stamp = "" if enqueued_at is None else f',"enqueued_at":{enqueued_at:.3f}'
    return f'{identity},"generation":{generation}{stamp}'


def dump(item: Mapping[str, Any]) -> bytes:
    """An object of the caller's own as a payload's bytes, its keys in their order; raises PayloadError."""
    value = dict(item)
    try:
        return _encoder.encode(value).encode()
    except UnicodeEncodeError:
        return _ascii_encoder.encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"the payload cannot be written as JSON: {error}") from None
