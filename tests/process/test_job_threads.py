"""Job threads of one worker process that are struck, ended or refused: no job is lost, and the master hears of it."""

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resqd.app import App
from resqd.errors import JobInterrupt
from resqd.store.keys import Keys
from resqd.store.resque.backends import Place, RedisBackend
from resqd.threads import NamedThread
from resqd.wire.messages import Exiting, Stats
from resqd.worker.executor import Executor
from tests.support.lone_worker import LoneWorker, touch
from tests.support.waiting import wait_for

MakeWorker = Callable[..., LoneWorker]


def raise_in(thread: int, kind: type[BaseException]) -> None:
    """What libraries do for a timeout; an older one does it too late."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


def end_thread() -> None:
    """Let nothing in the calling job's thread handle what it raises next: the thread ends."""
    handle, left = Executor._struck, [2]

    def refuse(executor: Executor, error: BaseException) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        handle(executor, error)

    Executor._struck = refuse  # type: ignore[method-assign, assignment] # in this worker process alone


@pytest.fixture
def app(tmp_path: Path) -> App:
    app = App()

    @app.job(queue="q", name="quick")
    def quick(name: str) -> None:
        touch(str(tmp_path), name)

    @app.job(queue="q", name="nap")
    def nap(name: str) -> None:
        touch(str(tmp_path), name)
        while not (tmp_path / "wake").exists():
            time.sleep(0.005)

    @app.job(queue="q", name="fail")
    def fail() -> None:
        raise ValueError("no")

    @app.job(queue="q", name="late")
    def late() -> None:
        threading.Timer(0.05, raise_in, [threading.get_ident(), TimeoutError]).start()

    @app.job(queue="q", name="fall")
    def fall() -> None:
        end_thread()
        raise JobInterrupt

    @app.job(queue="q", name="slow")
    def slow() -> None:
        sys.setswitchinterval(4)
        os.umask(0o777)

    @app.job(queue="q", name="tell")
    def tell() -> None:
        (tmp_path / "told").write_text(f"{sys.getswitchinterval()}")

    return app


@pytest.fixture
def make(app: App, redis_url: str) -> MakeWorker:
    return lambda **variables: LoneWorker(app, url=redis_url, **variables)


def failed(worker: LoneWorker) -> dict[str, str]:
    records = [json.loads(record) for record in worker.client.lrange("resque:failed", 0, -1)]
    return {record["payload"]["class"]: record["exception"] for record in records}


def limited(monkeypatch: pytest.MonkeyPatch, most: Callable[[], int]) -> None:
    """Let the system refuse job threads beyond so many, as it does at its limit of processes."""
    start = NamedThread.start

    def refuse(thread: NamedThread) -> None:
        number = thread.name.removeprefix("job-")
        if number != thread.name and int(number) >= most():
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(NamedThread, "start", refuse)


def test_a_backend_that_raises_ends_no_thread(make: MakeWorker, app: App, tmp_path: Path) -> None:
    """The failure is in the default list, and the one thread runs the next job."""

    class Broken(RedisBackend):
        def place(self, queue: str, keys: Keys) -> Place:
            raise SystemExit(f"{queue} {keys}")

    app.failure_policy.backends = (Broken(),)
    with make(slots=1, THREAD_COUNT="1") as worker:
        worker.push("fail")
        worker.push("quick", "next")
        wait_for((tmp_path / "next").exists)
        wait_for(lambda: failed(worker) == {"fail": "ValueError"})
        stats = worker.hear(Stats, lambda stats: stats.processed == 2)
        assert (stats.failed, stats.missing, stats.replaced) == (1, 0, 0)


def test_an_exception_that_comes_late_ends_no_thread(make: MakeWorker, tmp_path: Path) -> None:
    """It strikes the idle thread when the next job comes: that job runs, and succeeds."""
    with make(slots=1, THREAD_COUNT="1") as worker:
        worker.push("late")
        worker.hear(Stats, lambda stats: stats.processed == 1)
        time.sleep(0.2)  # it has been raised by then, in a thread that waits in C
        for name in ("one", "two"):
            worker.push("quick", name)
            wait_for((tmp_path / name).exists)
        stats = worker.hear(Stats, lambda stats: stats.processed == 3)
        assert (stats.failed, stats.missing, stats.replaced) == (0, 0, 0)
        assert failed(worker) == {}


def test_a_thread_that_ends_is_replaced_and_its_job_recorded(make: MakeWorker, tmp_path: Path) -> None:
    """The next one goes on in its place, settles what it left, and runs the next job; the report counts it."""
    with make(slots=1, THREAD_COUNT="1") as worker:
        worker.push("fall")
        worker.push("quick", "next")
        wait_for((tmp_path / "next").exists)
        wait_for(lambda: failed(worker) == {"fall": "DirtyExit"})
        stats = worker.hear(Stats, lambda stats: stats.processed == 2)
        assert (stats.failed, stats.missing, stats.replaced) == (1, 0, 1)
        assert worker.child.page.running() == ()


def test_with_fewer_threads_it_goes_on(
    make: MakeWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs jobs on the threads that it got, keeps no job waiting for others, says so, and gets them later."""
    limited(monkeypatch, lambda: 4 if (tmp_path / "more").exists() else 1)
    with make(slots=3, THREAD_COUNT="3") as worker:
        for name in ("one", "two", "three"):
            worker.push("nap", name)
        worker.hear(Stats, lambda stats: stats.missing > 0)
        wait_for(lambda: worker.client.llen("resque:queue:q") == 2)
        assert (tmp_path / "one").exists()
        (tmp_path / "more").touch()
        wait_for(lambda: (tmp_path / "two").exists() and (tmp_path / "three").exists())
        worker.hear(Stats, lambda stats: stats.missing == 0 and stats.reserved >= 3)
        (tmp_path / "wake").touch()
        worker.hear(Stats, lambda stats: stats.processed == 3)
        assert failed(worker) == {}


def test_without_any_thread_it_gives_its_jobs_back_and_leaves(
    make: MakeWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncharged and in order; the fetcher lives, and the good-bye tells the master to wait before the next try."""
    limited(monkeypatch, lambda: 0)
    with make(slots=2) as worker:
        for name in ("one", "two"):
            worker.push("quick", name)
        assert worker.end() == 0
        assert worker.heard[-1] == Exiting("threadless")
        left = [json.loads(raw) for raw in worker.client.lrange("resque:queue:q", 0, -1)]
        assert [(payload["args"], "deliveries" in payload) for payload in left] == [
            (["one"], False),
            (["two"], False),
        ]
        assert worker.client.keys("resque:resqd:inflight*") == []
        assert not (tmp_path / "one").exists()


def test_a_job_that_fell_where_no_thread_is_left_is_recorded(
    make: MakeWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its thread ended and cannot be replaced: the worker records it all the same, then leaves."""
    limited(monkeypatch, lambda: 0 if (tmp_path / "begun").exists() else 1)
    with make(slots=1, THREAD_COUNT="1") as worker:
        worker.push("quick", "begun")
        wait_for((tmp_path / "begun").exists)
        worker.push("fall")
        assert worker.end() == 0
        assert worker.heard[-1] == Exiting("threadless")
        assert failed(worker) == {"fall": "DirtyExit"}


def test_what_a_job_changes_for_all_is_set_back(make: MakeWorker, tmp_path: Path) -> None:
    """A second later its neighbours run as before."""
    with make(slots=1, THREAD_COUNT="1") as worker:
        worker.push("slow")
        worker.hear(Stats, lambda stats: stats.processed == 1)

        def told() -> Any:
            worker.push("tell")
            found = tmp_path / "told"
            return found.exists() and found.read_text() == "0.0005" and found.stat().st_mode & 0o777 == 0o644

        wait_for(told, 5, every=0.1)
