"""Payloads that mean a daemon no good: ids, classes, queues and arguments of every shape, and jobs that take them."""

import base64
import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import resqd
from resqd.store.resque.failed_job import spans
from resqd.store.resque.failure_record import RAW_KEY

RECORD = "RESQD_TEST_RECORD"
"""The environment variable that names the file of what ran."""
NONE = -1
"""The ticket of a job that got no arguments."""
LONG = "x" * 70_000
TEXTS = (
    "\ud800", "\udfff\ud800", "\udcff", "a\0b", "\0", "\x1b[31mred\nWARNING forged", "\u202e", "%s%n", '"\\/', "-1",
    "\\ud800", "{}", "é" * 200, "\U0001f600" * 50, "\ud83d", "42", "user:42", "a|b#c:1|c", "::", "..", "\x7f", "*",
)  # fmt: skip
CLASSES = ("Take", *TEXTS, LONG)
"""The names under which there are jobs."""
QUEUES = (
    b"plain", b"\xff\xfe", b"new\nline", b"nul\0", b"\xed\xa0\x80", "é\u202e".encode(), b"sp ace", b"st*r", b"{tag}",
    b"c:o:l", b"\x1b[31m", b"%s", b"-1", b"a|b#c",
)  # fmt: skip
DEPTHS = (990, 1_500, 10_000)
"""Near to what Python can parse at the most: 3.11, 3.12, 3.13."""
RARE_QUEUE = b"y" * 70_000

app = resqd.App()


def _take(*args: Any) -> None:
    """Note the ticket, which is the last argument, in one write; then stay on the thread for a report to see it."""
    ticket = args[-1] if args else NONE
    descriptor = os.open(os.environ[RECORD], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, b"%d\n" % ticket)
    finally:
        os.close(descriptor)
    time.sleep(0.015)


for _name in CLASSES:
    app.job(name=_name, queue="plain")(_take)


class Sent(NamedTuple):
    """One payload: `ticket` tells it from others where it runs, unless that is NONE; the bytes where it fails."""

    ticket: int
    queue: bytes
    raw: bytes


class Attack:
    """Draws payloads, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._spliced: list[str] = []

    def payloads(self, count: int) -> Iterator[Sent]:
        for ticket in range(count):
            raw, expected = self._payload(ticket)
            yield Sent(expected, self._queue(), raw)

    def _one_in(self, chances: int) -> bool:
        return self._draw.randrange(chances) == 0

    def _queue(self) -> bytes:
        return RARE_QUEUE if self._one_in(200) else self._draw.choice(QUEUES)

    def _payload(self, ticket: int) -> tuple[bytes, int]:
        args, expected = self._args(ticket)
        fields = {"serial": ticket, "class": self._class(), "args": args, "id": self._id()}
        for key in ("id", "args", "class"):
            if self._one_in(20) and (key != "args" or expected == NONE):
                del fields[key]
        if self._one_in(4):
            fields["generation"] = self._value()
        if self._one_in(4):
            fields["enqueued_at"] = self._draw.choice([time.time(), 0, -1e308, 1e308, "now", 10**400, None])
        raw = self._encoded(fields)
        if self._one_in(10):
            raw = b'{"deliveries":%d,' % self._draw.choice([0, 1, 10**8]) + raw[1:]
        return (raw, expected) if self._draw.randrange(20) else (self._broken(raw), expected)

    def _encoded(self, fields: dict[str, Any]) -> bytes:
        # Without escapes it is not UTF-8 where there is a lone surrogate, and so no JSON.
        text = json.dumps(fields, ensure_ascii=not self._one_in(10))
        for number, spliced in enumerate(self._spliced):
            text = text.replace(f'"@{number}@"', spliced)
        self._spliced.clear()
        return text.encode("utf-8", "surrogatepass")

    def _splice(self, text: str) -> str:
        """A mark that `_encoded` replaces by this text, which Python would not write by itself."""
        self._spliced.append(text)
        return f"@{len(self._spliced) - 1}@"

    def _broken(self, raw: bytes) -> bytes:
        at = self._draw.randrange(
            min(40, len(raw) - 1), len(raw)
        )  # behind the serial number: one is not like another
        return self._draw.choice(
            [raw[:at], raw[:at] + b"\xff\0" + raw[at:], b"[%b]" % raw, raw + b"}", b"%b\0" % raw]
        )

    def _class(self) -> Any:
        if self._one_in(8):
            return self._value()
        if self._one_in(8):
            return self._draw.choice(["Nope", "os.system", "\udfffNope", "N\0pe", " ", LONG + "z"])
        return LONG if self._one_in(200) else self._draw.choice(CLASSES[:-1])

    def _id(self) -> Any:
        if self._one_in(6):
            return self._value()
        return (
            LONG if self._one_in(200) else self._draw.choice([*TEXTS, f"{self._draw.getrandbits(128):032x}"])
        )

    def _args(self, ticket: int) -> tuple[Any, int]:
        if self._one_in(10):
            return self._draw.choice([None, {"0": ticket}, "text", ticket, True, []]), NONE
        return [*(self._value() for _ in range(self._draw.randrange(3))), ticket], ticket

    def _value(self) -> Any:
        draw = self._draw
        if self._one_in(100):
            return draw.choice([LONG, int("9" * 4_300), self._splice("9" * 4_301), [LONG]])
        shapes = [
            None, True, -7, 10**30, 1e308, float("nan"), float("-inf"), [], {}, "", " ", {"a": {"\ud800": ["\0"]}},
            self._nested(draw.choice([5, 89, 90, 91, 200])),
            self._nested(draw.choice(DEPTHS) + draw.randrange(-60, 10)),
        ]  # fmt: skip
        return draw.choice([*shapes, *TEXTS])

    def _nested(self, depth: int) -> Any:
        return self._splice("[" * depth + "]" * depth)


def raw_of(record: bytes) -> bytes:
    """The payload's bytes, out of a failure record."""
    text = record.decode()
    found = spans(text)["payload"]
    kept = found.value.get(RAW_KEY)
    return text[found.start : found.end].encode() if kept is None else base64.b64decode(kept, validate=True)
