"""A worker's reports: whatever jobs are like, they are told or left out, and never raise."""

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from resqd.errors import PayloadError
from resqd.master.child import NO_STATS
from resqd.settings import Settings
from resqd.store.resque.payload import decode
from resqd.threads import Title
from resqd.wire.birth import Birth, Kind
from resqd.wire.frames import encode
from resqd.wire.intent import Intent
from resqd.wire.messages import JobMetrics, Message, Stats
from resqd.worker import reports
from resqd.worker.interrupt import Slot
from resqd.worker.reports import IDLE_STATS_EVERY, Account, Reporter


class Line:
    """Takes the place of the channel: takes what fits into `room` bytes."""

    def __init__(self) -> None:
        self.room = 1 << 20
        self.pending = False
        self.sent: list[Message] = []

    def flush(self) -> None:
        """Nothing waits."""

    def send(self, message: Message) -> bool:
        if self.pending or len(encode(message)) > self.room:
            return False
        self.sent.append(message)
        return True


class Facts:
    """Takes the place of the account."""

    busy = False

    def __init__(self, stats: Stats) -> None:
        self.told = stats
        self.error: Exception | None = None
        self.kept: list[Stats] = []

    def stats(self) -> Stats:
        if self.error is not None:
            raise self.error
        return self.told

    def unsent(self, stats: Stats) -> None:
        self.kept.append(stats)


class Scene:
    def __init__(self) -> None:
        self.titles: list[str] = []
        self.line, self.facts = Line(), Facts(NO_STATS)
        birth = cast(Birth, SimpleNamespace(channel=self.line, kind=Kind.WORKER, index=0))
        self.reporter = Reporter(
            birth=birth,
            settings=Settings.load({}),
            account=cast(Account, self.facts),
            title=Title(write=self.titles.append),
            clock=lambda: 100.0,
        )


def slot_with(raw: bytes, queue: str = "q") -> Slot:
    slot = Slot()
    slot.payload = decode(raw)
    slot.begin(7, queue)
    return slot


HOSTILE = [
    b'{"class":"\\ud800","args":["evil",1],"id":"\\ud800"}',
    b'{"class":"a\\u0000b","args":[],"id":"\\udfff\\n"}',
    b'{"class":"%b","args":[],"id":"%b"}' % (b"\xf0\x9f\x98\x80" * 20_000, b"x" * 70_000),
    b'{"class":"A","args":[%b]}' % (b"[" * 900 + b"]" * 900),
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_hostile_job_is_told_of(raw: bytes) -> None:
    """By names that any frame, title and terminal can hold, and a payload that is no longer than it may be."""
    scene = Scene()
    running = reports.running([slot_with(raw, "\ud800" * 70_000)] * 300)
    scene.facts.told = replace(NO_STATS, running=running)
    scene.reporter.report(Intent.RUNNING)
    assert scene.line.sent == [scene.facts.told]
    [shown] = scene.titles
    assert shown.isprintable()
    assert len(shown) < 1_000
    assert max(len(job.payload) for job in running) <= reports.PREVIEW


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there the parser's depth has a limit of its own")
def test_a_deep_payload_is_told_of_from_a_deep_stack() -> None:
    """What a job's thread could just read, the control thread may not: its stack may be deeper."""
    slot = slot_with(HOSTILE[-1])

    def deeper(levels: int) -> int:
        return deeper(levels - 1) if levels else len(reports.running([slot]))

    with pytest.raises((PayloadError, RecursionError)):
        _decode_deeper(HOSTILE[-1], 150)
    assert deeper(150) == 1


def _decode_deeper(raw: bytes, levels: int) -> Any:
    return _decode_deeper(raw, levels - 1) if levels else decode(raw)


def test_a_report_that_fails_is_left_out_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next one is due as ever; one line for as long as it goes on."""
    scene = Scene()
    scene.facts.error = RuntimeError("no")
    with caplog.at_level("ERROR"):
        for _ in range(3):
            scene.reporter.report(Intent.RUNNING)
    assert scene.reporter.due_at == 100.0 + IDLE_STATS_EVERY
    assert [record.message for record in caplog.records] == [
        "a report is left out; so are all until one succeeds"
    ]
    scene.facts.error = None
    scene.reporter.report(Intent.RUNNING)
    assert scene.line.sent == [NO_STATS]


def test_what_no_frame_can_hold_is_left_out_and_the_counts_are_told() -> None:
    """It would be as long the next time; what a stalled master does not take is kept for later."""
    scene = Scene()
    counted = JobMetrics("A", 1, 1, 0, (), ())
    scene.facts.told = replace(NO_STATS, processed=7, metrics=(counted,) * 200)
    scene.line.room = 200
    scene.reporter.report(Intent.RUNNING)
    assert scene.line.sent == [replace(NO_STATS, processed=7)]
    assert scene.facts.kept == []
    scene.line.pending = True
    scene.reporter.report(Intent.RUNNING)
    assert scene.facts.kept == [scene.facts.told]
