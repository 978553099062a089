"""Text from strangers (payloads, queues' names, other hosts): how it travels and how it is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

EXACT = "surrogatepass"
"""The error handler for text in frames: any string that Python can hold comes out of a socket as it went in."""
SHOWN = 128
"""The most bytes of one name (an id, a class, a queue) in reports, titles and metrics."""
_MARK = 16
_HASHED = 65_536
_LONGEST_ID = 1024


def escaped(text: str) -> str:
    """The text with everything unprintable written as an escape, so that it can be encoded and forges no line."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def shown(name: str) -> str:
    """A name as people see and type it: escaped, and in SHOWN bytes. The shown form of a shown form is itself.

    A longer one is cut and ends in a digest, so that two of them that begin alike stay apart.
    """
    text = escaped(name if len(name) <= SHOWN else name[: SHOWN + 1])  # an escape makes it longer only
    data = text.encode()
    if len(data) <= SHOWN:
        return text
    told_apart = f"{len(name)} {name[:_HASHED]}".encode(errors=EXACT)
    digest = hashlib.sha1(told_apart, usedforsecurity=False).hexdigest()[:_MARK]
    return f"{data[: SHOWN - _MARK - 1].decode(errors='ignore')}~{digest}"


def lookalikes(name: str, names: Iterable[str], *, most: int = 3, alike: float = 0.6) -> list[str]:
    """Those of `names` that look most like `name`, for errors that ask what was meant; `alike` is from 0 to 1."""
    import difflib  # noqa: PLC0415 - half a megabyte that nobody needs whose names are right

    return difflib.get_close_matches(name, names, n=most, cutoff=alike)


def id_fault(job_id: str) -> str | None:
    """Why this can be no job's id as `shown` gives it, in one line; None where it can."""
    if not job_id.strip():
        return "an empty id names no job"
    if not job_id.isprintable() or len(job_id) > _LONGEST_ID:
        return "this is no job's id: give it as `resqctl status` shows it"
    return None


def progress_text(done: float, total: float, note: str) -> str:
    """How far a job says that it is, as people read it: `45% (450 of 1,000) note`."""
    share = f"{100 * done / total:.0f}% ({_number(done)} of {_number(total)})" if total > 0 else _number(done)
    return f"{share} {note}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
