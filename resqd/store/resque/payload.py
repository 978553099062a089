"""A job as bytes: Resque's JSON payload, decoded once into a frozen value; `encoding` writes it."""

from __future__ import annotations

import json
from json.scanner import make_scanner
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from resqd.errors import PayloadError
from resqd.store.resque.marks import Marks, deliveries, marks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LATEST: Final = 1 << 53


class Payload(NamedTuple):
    """One job as read from its bytes: a named tuple, since a frozen dataclass takes three times as long.

    `id` is None where the producer wrote none (stock Resque). `deliveries` counts the crashes charged to the
    job. `enqueued_at` is in seconds since 1970 by the producer's clock. `raw` holds the exact bytes. Where its class
    is all that it begins with, as most do, `marks` is None.
    """

    job_class: str
    args: list[Any]
    id: str | None
    generation: int
    deliveries: int
    enqueued_at: float | None
    raw: bytes
    marks: Marks | None = None

    @property
    def attempts(self) -> int | None:
        """How many tries have failed and were retried; None where they cannot be counted."""
        return self.marks.attempts if self.marks else 0


class ReadPayload(bytes):
    """A payload's bytes with the job that was read in them, by whoever had to know it before its thread does."""

    payload: Payload

    @classmethod
    def of(cls, payload: Payload) -> ReadPayload:
        """The bytes of a job that was read."""
        read = cls(payload.raw)
        read.payload = payload
        return read


_PLAIN: Final = b'{"class":'
_new: Final = tuple.__new__
"""Makes a Payload of all of its fields, in two thirds of the time: its own constructor is a function of Python's."""


def _refuse_constant(name: str) -> NoReturn:
    raise PayloadError(f"the payload holds {name}, which is not JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Final = make_scanner(_decoder)  # type: ignore[arg-type] # the stub names the wrong type
_JSON_SPACE: Final = " \t\n\r"


def decode(raw: bytes) -> Payload:
    """The job in `raw`; raises PayloadError, and nothing else, where the bytes are no job.

    A missing or null `args` counts as no arguments and a missing `generation` as 1, as in Resque.
    """
    value = load(raw)
    if type(value) is not dict:
        raise PayloadError(f"the payload is {_kind(value)}, not an object")
    get = value.get
    job_class = get("class")
    if type(job_class) is not str:
        raise PayloadError(_class_problem(value))
    args = get("args")
    if type(args) is not list:
        args = _absent_args(args)
    job_id = get("id")
    generation = get("generation", 1)
    enqueued_at = get("enqueued_at")
    marks = None if raw.startswith(_PLAIN) else marks_of(raw, get("resqd"))
    return _new(
        Payload,
        (
            job_class,
            args,
            job_id if type(job_id) is str else None,
            generation if type(generation) is int else 1,
            0 if marks is None else marks.deliveries,
            enqueued_at if type(enqueued_at) is float else _number(enqueued_at),
            raw,
            marks,
        ),
    )


def decode_once(raw: bytes) -> Payload:
    """The same, of bytes that may have been read before."""
    return raw.payload if type(raw) is ReadPayload else decode(raw)


def scan(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that starts exactly at character `at`, and where it ends; raises PayloadError."""
    try:
        value, end = _scan(text, at)
    except StopIteration as stop:
        raise PayloadError(f"the payload is not JSON: no value at character {stop.value}") from None
    except RecursionError:
        raise PayloadError("the payload is nested too deep") from None
    except ValueError as error:
        raise PayloadError(f"the payload is not JSON: {error}") from None
    return value, end


def load(raw: bytes) -> Any:
    """The JSON value in `raw`, exact: no NaN, integers of any size that Python reads; raises PayloadError."""
    try:
        text = raw.decode()
        value, end = _scan(text, 0)
    except StopIteration:
        value, end = _load_spaced(text)
    except UnicodeDecodeError as error:
        raise PayloadError(f"the payload is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise PayloadError("the payload is nested too deep") from None
    except ValueError as error:
        raise PayloadError(f"the payload is not JSON: {error}") from None
    if end != len(text) and text[end:].strip(_JSON_SPACE):
        raise PayloadError(f"the payload is not JSON: extra data at character {end}")
    return value


def _load_spaced(text: str) -> tuple[Any, int]:
    # The scanner takes no white space in front; that is rare, so only the failing path looks for it.
    stripped = text.lstrip(_JSON_SPACE)
    if not stripped:
        raise PayloadError("the payload is empty")
    return scan(text, len(text) - len(stripped))


def _kind(value: object) -> str:
    names = {
        list: "a list",
        dict: "an object",
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "true or false",
    }
    return names.get(type(value), "null")


def _class_problem(value: dict[str, Any]) -> str:
    return (
        f"the payload's class is {_kind(value['class'])}" if "class" in value else "the payload has no class"
    )


def _absent_args(args: object) -> list[Any]:
    if args is None:
        return []
    raise PayloadError(f"the payload's args are {_kind(args)}, not a list")


def _number(value: object) -> float | None:
    return float(value) if type(value) is int and abs(value) < _LATEST else None


def believed(enqueued_at: float | None) -> float | None:
    """A payload's `enqueued_at` for people and metrics to reckon with; None where no clock can have shown it."""
    return enqueued_at if enqueued_at is not None and abs(enqueued_at) < _LATEST else None


def decode_or_explain(raw: bytes) -> Payload:
    """The job in `raw`, for people to look at: where there is none, its class is the reason in brackets."""
    try:
        return decode(raw)
    except PayloadError as error:
        return Payload(f"({error})", [], None, 1, deliveries(raw), None, raw)


def matcher(
    job_class: str, args: Sequence[Any] | None, opened: Callable[[Payload], Payload] = lambda job: job
) -> Callable[[bytes], bool]:
    """A test for payloads of that class, with equal arguments unless `args` is None; `opened` decrypts them.

    What cannot be decrypted is equal to nothing.
    """
    wanted = None if args is None else _canonical(args)

    def matches(raw: bytes) -> bool:
        job = decode_or_explain(raw)
        if job.job_class != job_class or wanted is None:
            return job.job_class == job_class
        try:
            return _canonical(opened(job).args) == wanted
        except PayloadError:
            return False

    return matches


def _canonical(args: Sequence[Any]) -> str:
    # As text, so that 1, 1.0 and True stay apart as they do in Ruby.
    return json.dumps(args, sort_keys=True)
