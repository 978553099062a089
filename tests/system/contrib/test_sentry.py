"""The recipe for Sentry, with a transport of the SDK's that writes what it would send into a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resqd import App
from tests.support.daemon import Daemon
from tests.support.django_project import MANUAL
from tests.support.manual import examples
from tests.support.waiting import wait_for

_STUBBED = """
import functools, json, os, signal
import sentry_sdk
from sentry_sdk.transport import Transport


class ToFile(Transport):
    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is not None:
            with open("events.jsonl", "a") as file:
                file.write(json.dumps(event, default=str) + "\\n")


sentry_sdk.init = functools.partial(sentry_sdk.init, dsn="http://key@127.0.0.1:9/1", transport=ToFile)
from sentry_shop import app


@app.job(queue="mail", name="Lost", on_crash="fail")
def lost():
    os.kill(os.getpid(), signal.SIGKILL)


@app.job(queue="mail", name="Fine")
def fine():
    pass
"""
_MORE = "        job.on_retry(lambda error, delay, *args: report(error))\n"


def _events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _about(event: dict[str, Any]) -> tuple[Any, ...]:
    exception = event["exception"]["values"][-1]
    tags = event["tags"]
    return event["transaction"], exception["type"], exception["value"], tags["queue"], tags["attempt"]


@pytest.mark.parametrize("each_try", [False, True])
def test_a_failure_is_reported_once(each_try: bool, tmp_path: Path, redis_url: str) -> None:
    """When no try is left, with the job, its queue, attempt and id; each try only where that is asked for."""
    recipe = examples(MANUAL)["sentry_shop.py"]
    assert _MORE in MANUAL.read_text()
    if each_try:
        line = "        job.on_failure(report)\n"
        assert line in recipe
        recipe = recipe.replace(line, line + _MORE)
    (tmp_path / "sentry_shop.py").write_text(recipe)
    (tmp_path / "stubbed_shop.py").write_text(_STUBBED)
    producer = App(redis_url)
    producer.push("mail", {"class": "Fine", "args": [], "id": "f1"})
    producer.push("mail", {"class": "sentry_shop.charge", "args": ["visa"], "id": "c1"})
    producer.push("mail", {"class": "Lost", "args": [], "id": "l1"})
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": str(tmp_path), "JOBS_PER_FORK": "1"}
    wanted = [
        ("Lost", "DirtyExit", 1, "l1"),
        *([("sentry_shop.charge", "ValueError", 1, "c1")] if each_try else []),
        ("sentry_shop.charge", "ValueError", 2, "c1"),
    ]
    with Daemon("--app", "stubbed_shop:app", folder=tmp_path, environ=environ, cwd=tmp_path) as daemon:
        wait_for(lambda: len(_events(tmp_path)) >= len(wanted), 30, what="the reports")
        wait_for(lambda: producer.failures.count() == 2, 20, what="the records")
        daemon.stop()
    events = _events(tmp_path)
    tags = [event["tags"] for event in events]
    found = [
        (*_about(event)[:2], int(tag["attempt"]), tag["job_id"])
        for event, tag in zip(events, tags, strict=True)
    ]
    assert sorted(found) == sorted(wanted)
    (last,) = (event for event in events if _about(event)[1] == "ValueError" and int(_about(event)[4]) == 2)
    assert _about(last)[2:4] == ("visa was refused", "mail")
    assert last["exception"]["values"][-1]["stacktrace"]["frames"][-1]["function"] == "charge"
    producer.store.close()
