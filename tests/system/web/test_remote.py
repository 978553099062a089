"""Acts on daemons of other hosts, through Redis: obeyed, answered, and refused where they are forged."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd.app import App
from resqd.cli.client import Client, candidates
from resqd.store.resque.remote import ActAnswer
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

SECRET = "a secret that both sides share"
_JOBS = """
import resqd
app = resqd.App()

@app.job(queue="mail", name="Noop")
def noop():
    pass
"""


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    application = App(redis_url)
    yield application
    application.store.close()


def daemon(folder: Path, redis_url: str, **environ: str) -> Daemon:
    (folder / "remote_jobs.py").write_text(_JOBS)
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(folder)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "HEARTBEAT_INTERVAL": "0.1", **environ}
    return Daemon("--app", "remote_jobs:app", "--workers", "1", folder=folder, environ=environ, cwd=folder)


def life_of(app: App) -> str:
    """The life of the one daemon that runs."""

    def found() -> str | None:
        workers = [worker.id.text for worker in app.workers.all()]
        return next(iter(app.store.books.remote.lives(workers).values()), None)

    return wait_for(found, 10, what="a life that can be asked")


def ask(app: App, life: str, command: str, *, workers: int = 0, secret: str | None = SECRET) -> ActAnswer:
    """Ask, and wait for the answer."""
    remote, nonce = app.store.books.remote, os.urandom(8).hex()
    remote.ask(command, {life: nonce}, workers=workers, by="ada", secret=secret)
    return wait_for(
        lambda: next((each for each in remote.answers(50) if each.nonce == nonce), None),
        15,
        what=f"an answer to {command}",
    )


def state() -> str:
    return str(Client(candidates("resqd", os.environ)).call("status", timeout=5)["status"]["state"])


@pytest.mark.timeout(90)
def test_a_daemon_is_steered_from_another_host(
    app: App, redis_url: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """Each command by who has the secret; forged, replayed, too high: refused, and said in its log."""
    with daemon(tmp_path, redis_url, RESQD_SECRET=SECRET, RESQD_REMOTE_SCALE="3") as one:
        life = life_of(app)
        assert ask(app, life, "pause") == _answer("pause", "paused", ask_of(app))
        assert state() == "paused"
        assert ask(app, life, "resume").said == "running"
        assert ask(app, life, "scale", workers=2).said == "2 workers"
        too_many = ask(app, life, "scale", workers=4)
        assert (too_many.ok, "RESQD_REMOTE_SCALE=3" in too_many.said) == (False, True)

        for secret in (None, "a secret of somebody else"):
            forged = ask(app, life, "pause", secret=secret)
            assert (forged.ok, "not signed" in forged.said) == (False, True)
        one.wait_for_line("refused to pause for ada: it is not signed with this daemon's RESQD_SECRET")
        assert state() == "running"

        before = one.titled("housekeeper")
        reloaded = ask(app, life, "reload")
        assert (reloaded.ok, "reloads" in reloaded.said) == (True, True), reloaded
        wait_for(
            lambda: (now := one.titled("housekeeper")) and not {*now} & {*before},
            what="another housekeeper stands alone",
        )
        wait_for(lambda: ask(app, life, "resume").ok, what="the new one obeys")
        assert life_of(app) == life

        redis_client.set(f"resque:resqd:acts:{life}", "no list")
        beats = redis_client.hget("resque:resqd:daemons", life)
        wait_for(lambda: redis_client.hget("resque:resqd:daemons", life) != beats, what="it beats on")
        redis_client.delete(f"resque:resqd:acts:{life}")
        redis_client.rpush(f"resque:resqd:acts:{life}", b"\xff", json.dumps([1]))
        one.wait_for_line("refused to act for a web page: it cannot be read")

        drained = ask(app, life, "drain")
        assert (drained.ok, drained.said) == (True, "draining")
        assert one.wait() == 0
        one.expect_gone()
    assert redis_client.hlen("resque:resqd:lives") == 0


def ask_of(app: App) -> ActAnswer:
    """The newest answer."""
    return app.store.books.remote.answers(1)[0]


def _answer(command: str, said: str, told: ActAnswer) -> ActAnswer:
    return ActAnswer(told.daemon, told.nonce, command, "ada by the web page", ok=True, said=said, at=told.at)


@pytest.mark.parametrize(
    ("environ", "refused"),
    [
        ({}, {"drain": "pause, resume and kill only"}),
        ({"RESQD_REMOTE": "off"}, {"pause": "RESQD_REMOTE=off"}),
    ],
)
def test_less_is_obeyed(
    app: App, redis_url: str, tmp_path: Path, environ: dict[str, str], refused: dict[str, str]
) -> None:
    """Without a secret what does little harm; nothing where all is switched off."""
    with daemon(tmp_path, redis_url, **environ) as one:
        life = life_of(app)
        for command, why in refused.items():
            answer = ask(app, life, command, secret=SECRET)
            assert (answer.ok, why in answer.said) == (False, True), answer
        if not environ:
            assert ask(app, life, "pause", secret=None).said == "paused"
        assert state() == ("running" if environ else "paused")
        assert one.stop() == 0
