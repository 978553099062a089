"""The App against a real server: what is pushed, its exact bytes, and looking at the queues."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import pytest
import redis

from resqd.app import App
from resqd.current import current_job
from resqd.errors import (
    JobDefinitionError,
    PayloadError,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    UnknownJob,
)
from resqd.job import Job


@pytest.fixture
def app(redis_url: str) -> App:
    return App(redis_url)


@pytest.fixture
def send(app: App) -> Job[[int, str], None]:
    @app.job(queue="mail", name="Send")
    def send(user: int, subject: str = "hi") -> None: ...

    return send


def test_enqueue_writes_what_ruby_would(app: App, send: Job[..., None], redis_client: redis.Redis) -> None:
    """One job is one RPUSH of a payload in the fork's shape, and its queue is entered."""
    job_id = send.enqueue(7, subject="é")
    raw: bytes = redis_client.lrange("resque:queue:mail", 0, -1)[0]  # type: ignore[assignment] # bytes client
    assert raw.startswith(
        f'{{"class":"Send","args":[7,"é"],"id":"{job_id}","generation":1,"enqueued_at":'.encode()
    )
    assert redis_client.smembers("resque:queues") == {b"mail"}
    assert app.size("mail") == 1


def test_enqueue_many_keeps_order_across_chunks(app: App, send: Job[..., None]) -> None:
    """A batch larger than one call goes out whole and in order, each job with its own id."""
    ids = send.enqueue_many([(number,) for number in range(5_000)])
    assert len(set(ids)) == 5_000
    assert [job.args for job in app.peek("mail", 0, 5_000)] == [[number] for number in range(5_000)]
    assert [job.id for job in app.peek("mail", 1_999, 3)] == ids[1_999:2_002]


def test_enqueue_many_of_nothing_does_nothing(app: App, send: Job[..., None]) -> None:
    """An empty batch enters no queue."""
    assert send.enqueue_many([]) == []
    assert app.queues() == []


@pytest.mark.usefixtures("send")
def test_enqueue_by_name(app: App) -> None:
    """A registered name has a queue; any name goes to a queue that is given, for workers that know it."""
    app.enqueue("Send", 1, subject="x")
    app.enqueue_to("low", "Send", 2)
    app.enqueue_to("ruby", "Archive", 7, "main")
    assert [(job.job_class, job.args) for queue in ("mail", "low", "ruby") for job in app.peek(queue)] == [
        ("Send", [1, "x"]),
        ("Send", [2]),
        ("Archive", [7, "main"]),
    ]
    with pytest.raises(UnknownJob):
        app.enqueue("Archive", 7)
    with pytest.raises(TypeError, match="positions"):
        app.enqueue_to("ruby", "Archive", branch="main")


def test_a_veto_keeps_a_job_out(app: App, send: Job[..., None]) -> None:
    """False from before_enqueue: None instead of an id, and nothing pushed; after_enqueue sees the others."""
    pushed: list[int] = []
    send.before_enqueue(lambda user, *_: user != 2)
    send.after_enqueue(lambda user, *_: pushed.append(user))
    assert send.enqueue(2) is None
    ids = send.enqueue_many([(1,), (2,), (3,)])
    assert [job_id is None for job_id in ids] == [False, True, False]
    assert app.size("mail") == 2
    assert pushed == [1, 3]


def test_dequeue_by_job_and_by_arguments(app: App, send: Job[..., None]) -> None:
    """Dequeue deletes all jobs of a class, or those with equal arguments; its hooks can veto."""
    app.enqueue_to("mail", "Other", 1)
    send.enqueue_many([(1,), (1, "x"), (1,), (True,)] * 400)
    assert app.dequeue(send, 1) == 800
    assert app.dequeue("Send") == 800
    send.before_dequeue(lambda *_: False)
    send.enqueue(1)
    assert app.dequeue(send) == 0
    assert [job.job_class for job in app.peek("mail", 0, 9)] == ["Other", "Send"]


def test_push_pop_and_peek(app: App) -> None:
    """Payloads of one's own go in as objects or bytes and come out oldest first."""
    app.push("q", {"class": "A", "args": [1]})
    app.push("q", b'{"class":"B","args":[]}')
    assert [job.job_class for job in app.peek("q", 0, 10)] == ["A", "B"]
    popped = app.pop("q")
    assert popped is not None
    assert (popped.job_class, popped.args, popped.raw) == ("A", [1], b'{"class":"A","args":[1]}')
    assert (app.size("q"), app.peek("q", 0, 0), app.pop("none")) == (1, [], None)


def test_pop_puts_back_what_it_cannot_read(app: App) -> None:
    """An undecodable payload is not lost by looking at it."""
    app.push("q", b"nonsense")
    with pytest.raises(PayloadError):
        app.pop("q")
    assert app.peek("q")[0].raw == b"nonsense"
    assert "not JSON" in app.peek("q")[0].job_class


def test_overview(app: App, send: Job[..., None], redis_client: redis.Redis) -> None:
    """Sizes, samples, info and keys say what is there."""
    send.enqueue_many([(1,), (2,)])
    app.enqueue_to("low", send, 3)
    redis_client.set("resque:stat:processed", 5)
    redis_client.set("other:key", 1)
    assert app.queues() == ["low", "mail"]
    assert app.queue_sizes() == {"low": 1, "mail": 2}
    samples = app.sample_queues(1)
    assert (samples["mail"]["size"], [job.args for job in samples["mail"]["samples"]]) == (2, [[1]])
    assert app.info() == {"pending": 3, "processed": 5, "queues": 2, "workers": 0, "working": 0, "failed": 0}
    assert app.keys() == ["queue:low", "queue:mail", "queues", "stat:processed"]
    app.stats.clear("processed")
    assert app.stats.processed == 0
    assert app.remove_queue("mail") == 2
    assert app.queues() == ["low"]


@pytest.mark.parametrize("queue", ["a b", "line\nbreak", "*", "{x}", "a:b", "é", "\udcff"])
def test_strange_queue_names_work(app: App, queue: str) -> None:
    """Any name works from push to removal, bytes that are not UTF-8 included."""
    app.push(queue, b'{"class":"A"}')
    assert app.queues() == [queue]
    assert app.queue_sizes() == {queue: 1}
    assert app.pop(queue) is not None
    assert app.remove_queue(queue) == 0


def test_a_namespace_of_ones_own(redis_url: str, redis_client: redis.Redis) -> None:
    """All keys stand below the namespace, whatever characters it has."""
    app = App(redis_url, namespace="a*[b]")
    app.push("q", b"{}")
    keys: list[bytes] = redis_client.keys()  # type: ignore[assignment] # typed for both kinds of clients
    assert sorted(keys) == [b"a*[b]:queue:q", b"a*[b]:queues"]
    assert app.keys() == ["queue:q", "queues"]


def test_environment_gives_url_and_namespace(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """REDIS_URL and RESQD_NAMESPACE are read at the first use, so they may be set after the import."""
    app = App()
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("RESQD_NAMESPACE", "own")
    app.push("q", b"{}")
    assert App(redis_url, namespace="own").size("q") == 1


def test_inline_runs_at_once(redis_url: str) -> None:
    """With `inline`, enqueueing runs the job here, with JSON's view of its arguments, and raises its error."""
    app = App(redis_url)
    seen: list[Any] = []

    @app.job(queue="mail", name="See")
    def see(value: Any) -> None:
        job = current_job()
        assert job is not None
        seen.append((value, job.job_class, job.queue, job.cancelled, job.generation))

    @app.job
    def fail() -> None:
        raise ValueError("no")

    app.inline = True
    see.enqueue((1, 2))
    with pytest.raises(ValueError, match="no"):
        fail.enqueue()
    assert seen == [([1, 2], "See", "mail", False, 1)]
    assert current_job() is None
    app.inline = False
    see.enqueue(1)
    assert app.size("mail") == 1


def test_registration(app: App, send: Job[..., None]) -> None:
    """Names are unique and found again; a class job takes its queue from its attribute."""

    @app.job
    class Archive:
        queue = "file_serve"

        @staticmethod
        def perform(repo: int) -> None: ...

    assert app.find("Send") is send
    archive = app.find(f"{__name__}.test_registration.<locals>.Archive")
    assert archive is Archive
    assert archive.queue == "file_serve"
    with pytest.raises(JobDefinitionError, match="already"):
        app.job(name="Send")(lambda: None)
    with pytest.raises(UnknownJob):
        app.find("os.system")


def test_no_socket_before_the_first_use() -> None:
    """An App with a wrong address can be made, and says so at its first use."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        app = App(f"redis://127.0.0.1:{held.getsockname()[1]}")
        with pytest.raises(StoreUnavailable):
            app.push("q", b"{}")


def test_errors_of_the_server_are_resqds_own(app: App, redis_url: str, redis_client: redis.Redis) -> None:
    """A wrong password and a key of the wrong type raise errors of resqd's, and nothing is pushed."""
    wrong = App(redis_url.replace("://", "://user:secret@", 1))
    with pytest.raises(StoreRefused) as caught:
        wrong.push("q", b"{}")
    assert "secret" not in str(caught.value)
    redis_client.set("resque:queue:q", "text")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        app.push("q", b"{}")


def test_an_evicted_script_is_sent_again(app: App, redis_client: redis.Redis) -> None:
    """SCRIPT FLUSH between two jobs loses none."""
    app.push("q", b"{}")
    redis_client.script_flush()
    app.push("q", b"{}")
    assert app.size("q") == 2


def test_a_forked_child_has_a_connection_of_its_own(app: App) -> None:
    """Parent and child enqueue side by side over an App that was used before the fork."""
    app.push("q", b'{"class":"before"}')
    pid = os.fork()
    if pid == 0:
        try:
            for _ in range(200):
                app.push("q", b'{"class":"child"}')
        finally:
            os._exit(0)
    for _ in range(200):
        app.push("q", b'{"class":"parent"}')
    assert os.waitpid(pid, 0)[1] == 0
    assert app.size("q") == 401


def test_importing_resqd_imports_no_redis() -> None:
    """`import resqd`, as resqctl does, leaves redis unimported; its names come when they are asked for."""
    code = (
        "import sys, json, resqd; before = 'redis' in sys.modules; "
        "print(json.dumps([before, resqd.App.__name__, resqd.UnknownJob.__name__, resqd.current_job()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, "App", "UnknownJob", None]
