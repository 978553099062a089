"""Names as others wrote them into Redis: of queues and patterns, of numbers and times, and of workers."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_WILD = re.compile(r"[*?\[\]{}]")


def is_pattern(name: str) -> bool:
    """Whether a queue's name stands for all that match it: it has one of `* ? [] {}`."""
    return _WILD.search(name) is not None


def literal_head(pattern: str) -> str:
    """What every name that matches begins with."""
    return _WILD.split(pattern, maxsplit=1)[0]


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern, or the plain name, stands for this queue."""
    if not is_pattern(pattern):
        return pattern == name
    return any(fnmatch.fnmatchcase(name, each) for each in _alternatives(pattern))


def _alternatives(pattern: str) -> list[str]:
    """The patterns that `{a,b}` stands for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [each for choice in match[1].split(",") for each in _alternatives(head + choice + tail)]


def to_bytes(name: str) -> bytes:
    """The bytes of a name as Redis holds them; the inverse of `to_text`, whatever the bytes are."""
    return name.encode("utf-8", "surrogateescape")


def to_text(name: bytes) -> str:
    """The name for bytes from Redis; bytes that are not UTF-8 become lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def is_name(text: str) -> bool:
    """Whether bytes of Redis's can be meant: JSON, unlike them, may hold a lone surrogate of any kind."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


MOST = 1_000

LONGEST = 256


class Names(dict[bytes, str]):
    """`names[raw]` is the text, the same object for each job of a queue.

    A worker that is never recycled may meet new names for ever, so they are forgotten from time to time, and
    long ones at once.
    """

    def __missing__(self, raw: bytes) -> str:
        if len(self) >= MOST:
            self.clear()
        name = to_text(raw)
        if len(raw) <= LONGEST:
            self[raw] = name
        return name


_DIGITS = 18
"""The most digits of any number of ours; int() would raise for some thousands of them."""


def number(text: str | bytes) -> int | None:
    """The number in plain digits; None for anything else, such as the digits of other scripts."""
    plain = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) if plain else None


def seconds(text: bytes) -> float:
    """A time that another daemon tells; 0 for what is none, or for ever."""
    try:
        told = float(text)
    except ValueError:
        return 0.0
    return told if 0 < told < float("inf") else 0.0


@dataclass(frozen=True, slots=True)
class WorkerId:
    """A registered worker's name, taken apart. Stock Resque's has no counts: they are None."""

    text: str
    host: str
    pid: int
    queues: tuple[str, ...]
    worker_count: int | None = None
    thread_count: int | None = None
    jobs_per_fork: int | None = None

    @classmethod
    def build(
        cls,
        *,
        host: str,
        pid: int,
        queues: Sequence[str],
        worker_count: int,
        thread_count: int,
        jobs_per_fork: int,
    ) -> WorkerId:
        """The id of a daemon. A ':' in a queue or host is written `~`; no queues are written `*`.

        Ruby's pruning and pages take the id apart at its colons and fail where a part is missing or empty.
        """
        safe = [part.replace(":", "~") for part in (host or "unknown", ",".join(queues) or "*")]
        text = f"{safe[0]}:{pid}:{safe[1]}:{worker_count}:{thread_count}:{jobs_per_fork}"
        return cls(text, host, pid, tuple(queues), worker_count, thread_count, jobs_per_fork)

    @classmethod
    def parse(cls, text: str) -> WorkerId:
        """The parts of an id, whoever wrote it; parts that it lacks are empty, 0 or None. Never raises."""
        parts = [*text.split(":"), "", "", ""]
        queues = tuple(queue for queue in parts[2].replace("~", ":").split(",") if queue)
        counts = [number(part) for part in [*parts[3:], "", "", ""]]
        return cls(text, parts[0], number(parts[1]) or 0, queues, counts[0], counts[1], counts[2])

    def __str__(self) -> str:
        return self.text
