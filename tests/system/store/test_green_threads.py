"""Enqueueing from programs that gevent or eventlet has patched, as web servers are."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import redis

from tests.support.daemon import Daemon

PATCHES = {
    "gevent": "from gevent import monkey; monkey.patch_all(); from gevent import spawn, wait, sleep",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import spawn, sleep",
}
_patched = pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)


def run(patch: str, program: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{patch}\n{textwrap.dedent(program)}"],
        env={**os.environ, "REDIS_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@_patched
def test_green_threads_enqueue_side_by_side(patch: str, redis_url: str, redis_client: redis.Redis) -> None:
    """Each push arrives once, whether connections are new, used again, or were ended by the server meanwhile."""
    done = run(
        patch,
        """
        import resqd
        app = resqd.App()

        @app.job(queue="mail")
        def work(number): ...

        def enqueue(number):
            for _ in range(3):
                assert work.enqueue(number)

        for life in range(2):
            pushing = [spawn(enqueue, number) for number in range(20)]
            for one in pushing:
                one.get() if hasattr(one, "get") else one.wait()
            app.store.books.queues._client.client_kill_filter(_type="normal", skipme=True)
        print(app.size("mail"))
        """,
        redis_url,
    )
    assert (done.returncode, done.stdout) == (0, "120\n"), done.stderr
    assert redis_client.llen("resque:queue:mail") == 120


@_patched
def test_a_silent_server_is_given_up_while_others_go_on(patch: str, tmp_path: Path) -> None:
    """Who waits for a Redis that says nothing gets a StoreUnavailable in time, and the other green threads run."""
    silent = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(silent))
        listener.listen()
        done = run(
            patch,
            """
            import resqd
            app = resqd.App()
            turns = []

            def turn():
                while True:
                    turns.append(1)
                    sleep(0.01)

            spawn(turn)
            try:
                app.enqueue_to("mail", "Work")
            except resqd.StoreUnavailable as error:
                print(len(turns) > 10, error)
            """,
            f"unix://{silent}?socket_timeout=0.5",
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True ")
    assert "nothing came for 0.5 s" in done.stdout


@_patched
def test_an_application_that_patches_threads_is_refused(patch: str, tmp_path: Path, redis_url: str) -> None:
    """A daemon needs real threads: it says in one line what is wrong, with 78, before any fork."""
    (tmp_path / "green_jobs.py").write_text(f"{patch}\nimport resqd\napp = resqd.App()\n")
    flags = ("--app", "green_jobs:app", "--redis-url", redis_url)
    with Daemon(*flags, folder=tmp_path, environ={"PYTHONPATH": str(tmp_path)}) as daemon:
        assert daemon.wait() == 78
        daemon.wait_for_line(
            "green_jobs replaces threads by those of (gevent|eventlet): .*only in programs that enqueue"
        )
