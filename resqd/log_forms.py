"""The two forms of log lines, text and JSON: what stands in a line, and how it is kept short and harmless."""

from __future__ import annotations

import datetime
import json
import logging
import math
import os
from collections.abc import Callable, Mapping

from resqd.text import escaped, shown

LINE_BYTES = 4096
"""The longest record: PIPE_BUF, up to which a write to a pipe is whole or refused, so records never mix."""
_MESSAGE_ROOM = 1_200
"""Bytes of a JSON line that a traceback leaves to the message."""
_LEAST = 200
_BIG = 2**63
"""From here on a number is told as text: readers of JSON would round it, and Python refuses to write the longest."""

About = Callable[[], Mapping[str, str | int]]
"""Gives `job`, `class`, `queue` and `attempt` of the job that runs in the calling thread; nothing where none does."""


def _nothing() -> Mapping[str, str | int]:
    return {}


class TextFormatter(logging.Formatter):
    """`2030-01-31T12:00:00.000Z INFO worker 2 [4711] what happened`, every control character escaped.

    What the application logs in a job begins with the job's class and id. A traceback follows in indented lines.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self.role = role
        self.about: About = _nothing

    def format(self, record: logging.LogRecord) -> str:
        """One record with its newline, at most LINE_BYTES long."""
        head = f"{_time(record)} {record.levelname} {self.role} [{os.getpid()}] "
        job = "" if _ours(record) else _job(self.about())
        text = head + job + escaped(record.getMessage())
        if trace := _trace(self, record):
            text += "".join(f"\n    {escaped(line)}" for line in trace.splitlines())
        return _cut(text, LINE_BYTES - 1) + "\n"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, daemon, role, pid, thread, logger, message; of an event its name and facts.

    In a worker also `worker`, its number; in a job `job` (its id), `class`, `queue` and `attempt`; of an exception its
    `traceback`.
    """

    def __init__(self, role: str, daemon: str = "") -> None:
        super().__init__()
        self.role = role
        self.daemon = daemon
        self.about: About = _nothing

    def format(self, record: logging.LogRecord) -> str:
        """One line with its newline; a message that would make it longer than LINE_BYTES is cut."""
        about: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            **({"daemon": self.daemon} if self.daemon else {}),
            "role": self.role,
            **_worker(self.role),
            "pid": os.getpid(),
            "thread": record.threadName,
        }
        about |= {"logger": record.name, **_event_in(record), **self.about()}
        if trace := _trace(self, record):
            about["traceback"] = _fitting(trace, LINE_BYTES - len(json.dumps(about)) - _MESSAGE_ROOM)
        message = record.getMessage()
        line = json.dumps({**about, "message": message})
        room = LINE_BYTES - len(json.dumps({**about, "message": ""})) - 16  # the mark's own escapes
        for limit in (room, room // 6):  # \u0000 is six characters for one
            if len(line) >= LINE_BYTES:
                line = json.dumps({**about, "message": _cut(message, limit)})
        return line + "\n"


def _worker(role: str) -> dict[str, int]:
    """The number of a worker, as its role says it."""
    number = role.rpartition(" ")[2]
    return {"worker": int(number)} if number.isdecimal() else {}


def _event_in(record: logging.LogRecord) -> dict[str, object]:
    """The event that a record tells of, as `events.Event` left it; nothing where it is another's."""
    name, facts = getattr(record, "event", None), getattr(record, "facts", None)
    if not (record.name == "resqd" and isinstance(name, str) and isinstance(facts, Mapping)):
        return {}
    told = {str(fact): _plain(value) for fact, value in facts.items()}
    return {"event": name, "facts": told if len(json.dumps(told)) <= LINE_BYTES // 2 else {}}


def _plain(value: object) -> object:
    """A fact as JSON can hold it, and short: the message has it in full."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < _BIG:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return shown(str(value))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "resqd"


def _job(about: Mapping[str, str | int]) -> str:
    return f"{escaped(str(about['class']))} {escaped(str(about['job'] or '(no id)'))}: " if about else ""


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""


def _fitting(text: str, room: int) -> str:
    """The text cut so that it takes no more room in JSON."""
    room = max(_LEAST, room)
    cut = _cut(text, room)
    for limit in (room * 3 // 4, room // 6):  # \\u0000 is six characters for one
        if len(json.dumps(cut)) > room:
            cut = _cut(text, limit)
    return cut


def _cut(text: str, limit: int) -> str:
    """The text in at most `limit` bytes: its beginning and its end, where a traceback says what happened."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return text
    mark = f" … {len(data) - limit} bytes and more left out … "
    room = max(0, limit - len(mark.encode()))
    head, tail = data[: room // 3], data[len(data) - (room - room // 3) :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")
