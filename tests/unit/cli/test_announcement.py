"""What a daemon says at its start."""

import pytest

import resqd
from resqd.cli.announcement import announce, by_queue
from resqd.events import event
from resqd.settings import Settings


def application(*queues: str) -> resqd.App:
    app = resqd.App(redis_url="redis://nowhere")
    for number, queue in enumerate(queues):
        app.job(queue=queue, name=f"job{number}")(lambda: None)
    return app


def said(monkeypatch: pytest.MonkeyPatch, **environ: str) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(event, "_listeners", [lambda name, _facts: names.append(name)])
    announce(Settings.load({"RESQD_APP": "a:app", **environ}), application("q").jobs, redis="here")
    return names


def test_jobs_are_told_by_queue() -> None:
    """A few of each; the others are counted."""
    jobs = application("mail", "low", "mail", "mail", "mail", "mail").jobs
    assert by_queue(jobs) == "mail: job0, job2, job3 and 2 more; low: job1"
    assert by_queue(application(*map(str, range(10))).jobs).endswith("7: job7; and 2 more queues")


def test_what_would_be_faster_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing where a preset was chosen."""
    block = ["cli.started", "cli.jobs_known", "cli.shape_told"]
    assert said(monkeypatch) == [*block, "cli.fork_each_told"]
    assert said(monkeypatch, JOBS_PER_FORK="500") == [*block, "cli.one_thread_told"]
    assert said(monkeypatch, RESQD_PRESET="throughput") == block
