"""What strangers may push into a queue: each becomes a failure record or runs, and the thread lives on."""

import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.processes import tree
from tests.support.recorded import Record
from tests.support.waiting import wait_for
from tests.system.nothing_lost.conftest import Redis, Scene, Start

UNREADABLE = {
    "bad JSON": b'{"class":"Nap","args":[1]',
    "empty": b"",
    "not UTF-8": b'{"class":"Nap","args":["\xff\xfe"]}',
    "NaN": b'{"class":"Nap","args":[NaN]}',
    "Infinity": b'{"class":"Nap","args":[1,-Infinity]}',
    "a list": b'["Nap",1]',
    "a number": b"7",
    "null": b"null",
    "a 5,000-digit integer": b'{"class":"Nap","args":[' + b"9" * 5_000 + b"]}",
    "100,000-deep nesting": b'{"class":"Nap","args":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    "deep and unclosed": b'{"class":' + b"[" * 100_000,
    "zero bytes": b"\x00" * 100,
    "a pickle": b"cos\nsystem\n(S'true'\ntR.",
}
NOT_A_JOB = {
    "no class": b'{"args":[1]}',
    "class is a number": b'{"class":7,"args":[1]}',
    "class is null": b'{"class":null,"args":[1]}',
    "class is a list": b'{"class":["Nap"],"args":[1]}',
    "a module's name": b'{"class":"os.system","args":["true"]}',
    "dunder": b'{"class":"__import__","args":["antigravity"]}',
    "an unknown class": b'{"class":"Nope::Nope","args":[]}',
    "args is an object": b'{"class":"Nap","args":{"number":1}}',
    "args is a string": b'{"class":"Nap","args":"1"}',
    "too few args": b'{"class":"Nap","args":[]}',
    "too many args": b'{"class":"Nap","args":[1,0,3]}',
}


def run_all(start: Start, store: Redis, record: Record, payloads: dict[str, bytes]) -> list[dict[str, Any]]:
    """Push them all and a good job; the failures, once everything is settled. One thread runs it all."""
    store.push_raw(*payloads.values())
    store.push("Nap", 1_000)
    daemon = start()
    wait_for(lambda: record.ends()[1_000] == 1, 20)
    wait_for(lambda: store.settled() and len(store.failures()) == len(payloads))
    assert "was killed" not in daemon.output()
    assert daemon.stop() == 0
    return store.failures()


def test_payloads_that_cannot_be_read_are_kept_with_their_bytes(
    start: Start, store: Redis, record: Record
) -> None:
    """Every one is in `failed`, in order, its bytes within, and the same thread runs the job behind them."""
    failures = run_all(start, store, record, UNREADABLE)
    for failure, (what, raw) in zip(failures, UNREADABLE.items(), strict=True):
        assert failure["exception"] == "PayloadError", what
        assert isinstance(failure["payload"], dict), what
        assert raw in _bytes_in(failure) or raw[:1_000] in _bytes_in(failure), what
    assert record.starts() == {1_000: 1}


def _bytes_in(failure: dict[str, Any]) -> bytes:
    """All that a record holds of a payload, taken out of base64 or text."""
    texts = json_strings(failure["payload"])
    decoded = b"\n".join(text.encode("utf-8", "surrogateescape") for text in texts)
    for text in texts:
        try:
            decoded += b"\n" + base64.b64decode(text, validate=True)
        except ValueError:
            continue
    return decoded


def json_strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for each in value for text in json_strings(each)] if isinstance(value, list) else []


def test_what_names_no_registered_job_fails_and_imports_nothing(
    start: Start, store: Redis, record: Record
) -> None:
    """Unknown or odd classes and arguments that do not fit: `failed`, once each, never tried again."""
    failures = run_all(start, store, record, NOT_A_JOB)
    assert [failure["payload"].get("class") for failure in failures if "class" in failure["payload"]]
    assert {failure["exception"] for failure in failures} <= {
        "PayloadError",
        "UnknownJob",
        "TypeError",
        "ArgumentError",
    }
    assert record.starts() == {1_000: 1}


def test_a_lone_surrogate_is_a_string_like_any_other(start: Start, store: Redis) -> None:
    """JSON allows it; the job runs with it and fails by its own words only."""
    store.push_raw(b'{"class":"Say","args":["\\ud800"]}')
    daemon = start()
    [failure] = wait_for(store.failures)
    assert failure["exception"] == "ValueError"
    assert daemon.stop() == 0


@pytest.mark.parametrize("job", ["Unprintable", "Exits", "Interrupts", "Base"])
def test_whatever_a_job_raises_is_recorded_and_its_thread_lives(
    start: Start, store: Redis, record: Record, job: str
) -> None:
    """An exception that cannot be printed, SystemExit, KeyboardInterrupt, any BaseException."""
    store.push_raw(b'{"class":"%b","args":[]}' % job.encode())
    store.push("Nap", 1)
    daemon = start()
    wait_for(lambda: record.ends()[1] == 1)
    [failure] = wait_for(store.failures)
    assert failure["payload"]["class"] == job
    assert "was killed" not in daemon.output()
    assert daemon.stop() == 0


def test_a_payload_of_64_mib_runs_and_memory_is_bounded(start: Start, store: Redis, record: Record) -> None:
    """One such job runs, one fails with a preview, and no process of the daemon keeps more than a few copies."""
    big = b'"' + b"x" * (64 << 20) + b'"'
    store.push_raw(b'{"class":"Size","args":[1,' + big + b"]}")
    store.push_raw(b'{"class":"Nope","args":[' + big + b"]}")
    store.push("Nap", 2)
    daemon = start()
    wait_for(lambda: record.ends()[2] == 1, 30)
    [failure] = wait_for(store.failures)
    assert record.ends()[1] == 1
    assert len(json.dumps(failure)) < 1 << 20
    wait_for(store.settled)
    peaks = [_peak(process.pid) for process in tree(daemon.pid)]
    assert max(peaks) < 64 * 8 << 10  # KiB
    assert daemon.stop() == 0


def _peak(pid: int) -> int:
    """The most memory that a process has had, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    "name", ["with space", "a\nWARNING forged", "st*r", "{tag}", "c:o:l:o:n", "\udcff\udcfe"]
)
def test_any_name_of_a_queue_works_and_forges_no_log_line(scene: Scene, name: str) -> None:
    """Taken by `*`; what the name holds never begins a line of the log, whatever happens to the queue."""
    raw = name.encode("utf-8", "surrogateescape")
    client = scene.store.client
    client.sadd("resque:queues", raw, b"broken " + raw)
    client.set(b"resque:queue:broken " + raw, "not a list")
    client.rpush(b"resque:queue:" + raw, b'{"class":"Nap","args":[1]}', b'{"class":"Raise","args":[2]}')
    daemon = scene.start("--queues", "*")
    wait_for(lambda: scene.record.ends()[1] == 1 and scene.store.failures())
    daemon.wait_for_line("is skipped: its key does not hold a list")
    assert daemon.output().count("is skipped") == 1
    assert not [line for line in daemon.output().splitlines() if line.startswith("WARNING forged")]
    [failure] = cast("list[bytes]", client.lrange("resque:failed", 0, -1))
    assert json.loads(failure)["queue"]
    assert daemon.stop() == 0
