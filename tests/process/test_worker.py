"""One worker process, told what to do and heard over its channel, without a master."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import psutil
import pytest

from resqd.app import App
from resqd.text import shown
from resqd.wire.messages import (
    Booted,
    Drain,
    DumpStacks,
    Exiting,
    Kill,
    Killing,
    KillJobs,
    Pause,
    Ping,
    Pong,
    Resume,
    Slots,
    Stacks,
    State,
    Stats,
    Stop,
)
from tests.support.lone_worker import LoneWorker, touch
from tests.support.processes import title
from tests.support.waiting import wait_for

MakeWorker = Callable[..., LoneWorker]


@pytest.fixture
def make(tmp_path: Path, redis_url: str) -> MakeWorker:
    app = App()

    @app.job(queue="q", name="quick")
    def quick(name: str) -> None:
        touch(str(tmp_path), name)

    @app.job(queue="q", name="endless")
    def endless() -> None:
        touch(str(tmp_path), "begun")
        while True:
            time.sleep(0.01)

    for hostile in ("\ud800", "a\0b", "x" * 70_000):
        app.job(queue="q", name=hostile)(endless.definition)

    return lambda **variables: LoneWorker(app, url=redis_url, **variables)


def failed(worker: LoneWorker) -> list[str]:
    records = worker.client.lrange("resque:failed", 0, -1)
    return [json.loads(record)["exception"] for record in records]


def test_it_boots_works_answers_and_drains(make: MakeWorker, tmp_path: Path) -> None:
    """Booted first; a Pong for a Ping; its stacks; counts from its birth; a good-bye and status 0 at the end."""
    with make() as worker:
        worker.hear(Booted)
        worker.push("quick", "one")
        wait_for((tmp_path / "one").exists)
        worker.hear(Stats, lambda stats: stats.processed == 1)
        worker.tell(Ping())
        worker.hear(Pong)
        worker.tell(DumpStacks(5))
        stacks = worker.hear(Stacks)
        assert stacks.request == 5
        assert "thread fetcher" in stacks.text
        worker.tell(Drain())
        worker.hear(State, lambda state: state.name == "draining")
        assert worker.end() == 0
        assert worker.heard[-1] == Exiting("left")
        assert worker.client.keys("resque:resqd:inflight*") == []


def test_born_paused_it_takes_nothing_until_resumed(make: MakeWorker, tmp_path: Path) -> None:
    """And a pause by the channel is reported as a state."""
    with make(state="paused") as worker:
        worker.push("quick", "one")
        worker.hear(Booted)
        worker.tell(Pause())
        worker.tell(Ping())
        worker.hear(Pong)
        assert worker.client.llen("resque:queue:q") == 1
        worker.tell(Resume())
        wait_for((tmp_path / "one").exists)
        worker.tell(Pause())
        worker.hear(State, lambda state: state.name == "paused")


def test_a_kill_is_answered_with_the_token(make: MakeWorker, tmp_path: Path) -> None:
    """0 for a job that does not run here; the job that does is interrupted and recorded."""
    with make() as worker:
        worker.push("endless")
        wait_for((tmp_path / "begun").exists)
        worker.tell(Kill("nobody"))
        assert worker.hear(Killing).token == 0
        (token,) = worker.child.page.running()
        worker.tell(Kill("endless"))
        assert worker.hear(Killing, lambda answer: answer.job_id == "endless").token == token
        wait_for(lambda: failed(worker) == ["DirtyExit"])
        wait_for(lambda: worker.child.page.running() == ())


def test_killing_one_and_killing_all_are_two_messages(make: MakeWorker, tmp_path: Path) -> None:
    """A Kill that names no job, by whatever mistake, kills none; KillJobs kills all, one without an id too."""
    with make() as worker:
        worker.push("endless")
        worker.client.rpush("resque:queue:q", '{"class":"endless","args":[],"id":""}')
        wait_for(lambda: len(worker.child.page.running()) == 2)
        wait_for((tmp_path / "begun").exists)
        for nobody in ("", " ", "\ud800"):
            worker.tell(Kill(nobody))
        worker.hear(Killing, lambda answer: answer.job_id == "\ud800")
        assert {answer.token for answer in worker.heard if isinstance(answer, Killing)} == {0}
        worker.tell(Ping())
        worker.hear(Pong)
        assert failed(worker) == []
        worker.tell(KillJobs())
        wait_for(lambda: failed(worker) == ["DirtyExit", "DirtyExit"])


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "x" * 70_000])
def test_a_hostile_id_and_class_end_no_worker(make: MakeWorker, name: str) -> None:
    """They are reported as they can be shown, in the title too, and the job is killed by what was shown."""
    with make(STATSD_HOST="127.0.0.1", STATSD_KEY="k", LOGGING="debug") as worker:
        worker.client.rpush("resque:queue:q", json.dumps({"class": name, "args": [], "id": name}))
        stats = worker.hear(Stats, lambda stats: bool(stats.running))
        [job] = stats.running
        assert job.job_class == job.job_id == shown(name)
        wait_for(lambda: shown(name) in title(psutil.Process(worker.child.pid)))
        worker.tell(Kill(job.job_id))
        wait_for(lambda: failed(worker) == ["DirtyExit"])
        worker.hear(Stats, lambda stats: any(each.failed for each in stats.metrics))
        worker.tell(Drain())
        assert worker.end() == 0


def test_a_stop_kills_what_runs_and_gives_back_the_rest(make: MakeWorker, tmp_path: Path) -> None:
    """Told by the channel or by TERM, which is the same."""
    for way in ("channel", "signal"):
        with make(slots=1) as worker:
            worker.client.delete("resque:failed")
            (tmp_path / "begun").unlink(missing_ok=True)
            worker.push("endless")
            wait_for((tmp_path / "begun").exists)
            worker.push("quick", way)
            worker.tell(Stop()) if way == "channel" else os.kill(worker.child.pid, signal.SIGTERM)
            assert worker.end() == 0
            assert failed(worker) == ["DirtyExit"]
            assert worker.client.llen("resque:queue:q") == 1
            assert not (tmp_path / way).exists()
            worker.client.delete("resque:queue:q")


def test_slots_bound_how_much_runs(make: MakeWorker, tmp_path: Path) -> None:
    """Without slots it waits, though jobs are there; with one, one runs."""
    with make(slots=0) as worker:
        worker.push("endless")
        worker.push("endless")
        worker.hear(Booted)
        worker.tell(Ping())
        worker.hear(Pong)
        assert worker.client.llen("resque:queue:q") == 2
        worker.tell(Slots(1, {}, 1))
        wait_for((tmp_path / "begun").exists)
        assert len(worker.child.page.running()) == 1
        assert worker.client.llen("resque:queue:q") == 1


def test_without_a_master_it_leaves_and_gives_away_nothing_that_runs(
    make: MakeWorker, tmp_path: Path
) -> None:
    """At the end of its channel: what runs stays in flight, for recovery when the process is gone, after KILL_GRACE.

    Put back by the worker itself it would run twice at a time for as long as this process takes to end.
    """
    with make(slots=1) as worker:
        worker.push("endless")
        wait_for((tmp_path / "begun").exists)
        worker.push("quick", "never")
        worker.hang_up()
        assert worker.wait() == 0
        assert worker.client.llen("resque:queue:q") == 1
        [in_flight] = worker.client.keys("resque:resqd:inflight:*")
        fields = cast("dict[bytes, bytes]", worker.client.hgetall(in_flight))
        entries = [entry for field, entry in fields.items() if not field.startswith(b"!")]
        assert [b'"class": "endless"' in entry for entry in entries] == [True]
        assert not (tmp_path / "never").exists()
        assert failed(worker) == []


def test_without_a_master_it_ends_what_it_can(make: MakeWorker, tmp_path: Path) -> None:
    """A job that ends within KILL_GRACE is acknowledged, and nothing is left of the worker."""
    with make(KILL_GRACE="10") as worker:
        worker.push("quick", "one")
        wait_for((tmp_path / "one").exists)
        worker.hang_up()
        assert worker.wait() == 0
        assert worker.client.keys("resque:resqd:inflight:*") == []


def test_a_stalled_master_blocks_nothing(make: MakeWorker, tmp_path: Path) -> None:
    """Nobody reads what it says: jobs go on, and what matters is heard in the end."""
    with make() as worker:
        for number in range(300):
            worker.push("quick", f"job{number}")
        wait_for(lambda: (tmp_path / "job299").exists() and worker.client.llen("resque:queue:q") == 0, 20)
        worker.hear(Stats, lambda stats: stats.processed == 300)
