"""One delayed job as resque-scheduler writes it: `{"class":…,"args":[…],"queue":…}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resqd.errors import PayloadError
from resqd.store.names import is_name
from resqd.store.resque import payload as payloads
from resqd.store.resque.ruby_json import ruby_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLAIN: Final = "Resque::Job"


class DelayedJob(NamedTuple):
    """A job with the queue that it is for; None where its producer named none."""

    job_class: str
    args: list[Any]
    queue: str | None


def write(job_class: str, args: Sequence[Any], queue: str) -> bytes:
    """The payload's bytes, exactly as Ruby writes them, since it finds them by these; raises PayloadError."""
    return ruby_json({"class": job_class, "args": args, "queue": queue})


def read(raw: bytes) -> DelayedJob:
    """The job in a payload of a list, or in a schedule's configuration; raises PayloadError."""
    value = payloads.load(raw)
    if type(value) is not dict:
        raise PayloadError("the delayed job is not an object")
    return of_config(value)


def of_config(value: Mapping[str, Any]) -> DelayedJob:
    """The job of a configuration, taken apart as Ruby's scheduler does: arguments may be one, or an object.

    Raises PayloadError.
    """
    custom = value.get("custom_job_class")
    job_class = custom if custom and custom != _PLAIN else value.get("class")
    if type(job_class) is not str or not job_class.strip():
        raise PayloadError("the delayed job has no class")
    queue = value.get("queue")
    if queue is not None and (type(queue) is not str or not queue.strip() or not is_name(queue)):
        raise PayloadError("the delayed job's queue is no name")
    args = value.get("args")
    return DelayedJob(job_class, [] if args is None else args if type(args) is list else [args], queue)
