"""Limits, unique jobs, batches, workflows and the lives of single jobs: shown as a running daemon makes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote_plus

import pytest
import redis

from resqd import App
from resqd.web import wsgi
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for
from tests.support.web_client import WebClient

_JOBS = """
import pathlib, time
import resqd
app = resqd.App()

@app.job(queue="mail", name="Hold", limits=[resqd.Concurrency(1, by="tenant")], mask=["path"])
def hold(tenant, path):
    pathlib.Path(path).touch()
    while pathlib.Path(path).exists():
        time.sleep(0.01)

@app.job(queue="mail", name="Rated", limits=resqd.limit("stripe", resqd.Rate(100, per=60)))
def rated():
    pass

@app.job(queue="mail", name="Flaky", retry=resqd.Retry(2, first=3600))
def flaky(number):
    raise ValueError(f"no route {number}")

@app.job(queue="mail", name="Bad")
def bad(number):
    raise KeyError(number)

@app.job(queue="mail", name="Fine", keep_result=600)
def fine(number):
    return {"number": number}

@app.job(queue="idle", name="Once", unique=resqd.Unique())
def once(number):
    pass
"""


@pytest.fixture
def jobs(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The application, here as its daemons have it."""
    (tmp_path / "gated_jobs.py").write_text(_JOBS)
    monkeypatch.setenv("REDIS_URL", redis_url)
    spec = spec_from_file_location("gated_jobs", tmp_path / "gated_jobs.py")
    assert spec is not None
    assert spec.loader is not None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    yield found
    found.app.store.close()


@pytest.fixture
def fleet(jobs: ModuleType, redis_url: str, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that runs all but the queue `idle`."""
    assert jobs.app
    paths = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": paths, "HEARTBEAT_INTERVAL": "0.1"}
    flags = ["--app", "gated_jobs:app", "--queues", "mail", "--threads", "4", "--jobs-per-fork", "0"]
    with Daemon(*flags, folder=tmp_path, environ=environ, cwd=tmp_path) as daemon:
        yield daemon
        daemon.stop()


@pytest.fixture
def ada(jobs: ModuleType) -> WebClient:
    """A reader of the application's page."""
    return WebClient(
        wsgi(jobs.app, auth=lambda environ: environ.get("test.user", "ada"), hosts=["localhost"])
    )


@pytest.mark.usefixtures("fleet")
def test_a_limit_shows_who_holds_it_and_who_waits(ada: WebClient, jobs: ModuleType, tmp_path: Path) -> None:
    """By value; the job that waits has a page that says why; another number lets it go on, at once."""
    held = [tmp_path / "held-0", tmp_path / "held-1"]
    ids = [jobs.hold.enqueue("acme", str(path)) for path in held[:1]]
    wait_for(held[0].exists, 20, what="the first runs")
    ids.append(jobs.hold.enqueue("acme", str(held[1])))
    wait_for(lambda: "jobs wait at 1 value" in ada.page("/limits").text, 20, what="the second waits")
    links = ada.page("/limits").links("/limit?name=")
    (name,) = {unquote_plus(link.partition("name=")[2]) for link in links} - {"stripe"}
    page = ada.page("/limit", name=name, value="acme")
    assert "Hold" in page.text
    assert str(held[1]) not in page.text  # it is masked
    assert ids[1] in "".join(page.links("/find"))
    found = ada.page("/find", q=ids[1]).text
    assert "A limit that it needs is full." in found
    assert "=acme: 1 hold it" in found
    says = f"job {ids[0]} runs, on thread"
    wait_for(lambda: says in ada.page("/find", q=ids[0]).text, 20, what="the first is told to run")
    running = ada.page("/find", q=ids[0]).text
    assert "<b>Began</b>" in running
    (question,) = (each for each in ada.page("/limits").links("/limit/set") if "stripe" not in each)
    assert ada.act(question, "/limit/set", ("number", "2")).status == 303
    wait_for(held[1].exists, 20, what="the second runs too")
    assert "2 at a time" in ada.page("/limits").text
    assert ada.act("/limits", "/limit/declared").status == 303
    assert "set by hand" not in ada.page("/limits").text
    for number in ("", "-1", "x", "9" * 9, "²"):
        assert ada.act(question, "/limit/set", ("number", number)).status == 400
    assert "100 in 1 min 00 s" in ada.page("/limit", name="stripe").text
    for path in held:
        path.unlink()


@pytest.mark.usefixtures("fleet")
def test_a_jobs_life_is_told_wherever_it_is(
    ada: WebClient, jobs: ModuleType, redis_client: redis.Redis
) -> None:
    """One that waits for its next try, one that failed, one whose result is kept, one in a batch."""
    with jobs.app.batch(description="the letters") as batch:
        flaky = jobs.flaky.enqueue(7)
    bad, fine = jobs.bad.enqueue("x"), jobs.fine.enqueue(3)
    wait_for(lambda: redis_client.zcard("resque:resqd:later") and redis_client.llen("resque:failed"), 20)
    wait_for(lambda: jobs.app.result(fine).state == "done", 20)
    (address,) = ada.page("/later").links("/later/job")
    assert ada.get(f"/find?q={flaky}").header("Location") == address
    later = ada.get(address).text
    for told in (
        "Retry 1",
        "<b>Enqueued</b>",
        "<b>Try 1</b>",
        "ValueError: no route 7",
        "<b>Due</b>",
        "runs later, at",
    ):
        assert told in later
    assert batch.id in later
    failed = ada.get(ada.get(f"/find?q={bad}").header("Location") or "").text
    for told in ("<b>Enqueued</b>", "<b>Failed</b>", f"job {bad} failed: KeyError", "resqd failed requeue"):
        assert told in failed
    ended = ada.page("/find", q=fine).text
    assert "Done" in ended
    assert "{&#34;number&#34;: 3}" in ended
    assert ada.act(address, "/later/run").status == 303
    wait_for(lambda: "<b>Try 2</b>" in ada.get(address).text, 20, what="its second try")
    assert ada.get("/later/job?ticket=nope").status == 404


def test_a_jobs_life_begins_in_its_queue(ada: WebClient, jobs: ModuleType) -> None:
    """When it was enqueued, and where it waits."""
    job_id = jobs.once.enqueue(1)
    page = ada.get(ada.get(f"/find?q={job_id}").header("Location") or "").text
    assert "<b>Enqueued</b>" in page
    assert "<b>Waits</b>" in page


def test_locks_are_shown_and_released_while_they_are_what_was_seen(ada: WebClient, jobs: ModuleType) -> None:
    """By the job that holds one; a lock that is another's by now is left alone."""
    assert "No job holds a lock" in ada.page("/unique").text
    first = jobs.once.enqueue(1)
    assert jobs.once.enqueue(1) is None
    page = ada.page("/unique")
    assert "1 lock" in page.text
    (question,) = page.links("/unique/release")
    form = ada.page(*question.split("?")[:1], **dict([question.split("?")[1].split("=", 1)]))
    fields = form.fields("/unique/release")
    assert ("ticket", first) in fields
    assert ada.post("/unique/release", fields).status == 303
    second = jobs.once.enqueue(1)
    assert second is not None
    assert ada.post("/unique/release", fields).status == 409
    assert [lock.ticket for lock in jobs.app.store.locks.all()] == [second]
    assert "No lock has this fingerprint" in ada.page("/unique", fingerprint="nope").text


def test_a_batch_is_shown_retried_and_cancelled(ada: WebClient, jobs: ModuleType, redis_url: str) -> None:
    """With how far it is, and links to its jobs."""
    assert "There is no batch" in ada.page("/batches").text
    assert "No workflow is here" in ada.page("/workflows").text
    with jobs.app.batch(description="<letters>") as batch:
        ids = [jobs.fine.enqueue(at) for at in range(3)]
    text = ada.page("/batches").text
    assert "&lt;letters&gt;" in text
    assert '0<span class="muted">/3' in text
    assert "&lt;letters&gt;" not in ada.page("/workflows").text
    page = ada.page("/batch", id=batch.id)
    assert sorted(link.partition("q=")[2] for link in page.links("/find?q=")) == sorted(ids)
    (question,) = page.links("/batch/cancel")
    assert ada.act(question, "/batch/cancel").status == 303
    assert App(redis_url).size("mail") == 0
    assert "Cancelled" in ada.page("/batch", id=batch.id).text
    assert ada.page("/batch", id=batch.id).links("/batch/cancel") == []
    assert ada.get("/batch?id=nope").status == 404


@pytest.mark.usefixtures("fleet")
def test_a_batchs_failed_jobs_are_requeued(
    ada: WebClient, jobs: ModuleType, redis_client: redis.Redis
) -> None:
    """Those of this batch, and no other failure."""
    jobs.bad.enqueue("other")
    with jobs.app.batch() as batch:
        jobs.bad.enqueue("mine")
    wait_for(lambda: redis_client.llen("resque:failed") == 2, 20, what="both failed")
    page = f"/batch?id={batch.id}"
    wait_for(lambda: "Requeue what failed" in ada.get(page).text, 20)
    answer = ada.act(page, "/batch/retry")
    assert (answer.status, (answer.header("Location") or "").endswith("n=1")) == (303, True)
    wait_for(
        lambda: redis_client.llen("resque:failed") == 2 and "Requeue what failed" in ada.get(page).text, 20
    )


def test_a_workflow_has_a_picture(ada: WebClient, jobs: ModuleType) -> None:
    """Each job is a link, and the same stands there as text; no style in it, which the policy would refuse."""
    with jobs.app.workflow(description="nightly") as flow:
        first = flow.add(jobs.fine.s(1))
        flow.add(jobs.fine.s(first.result))
    assert "nightly" in ada.page("/workflows").text
    page = ada.page("/batch", id=flow.id)
    assert "<svg xmlns" in page.text
    assert "style=" not in page.text
    assert f"/find?q={first.id}" in page.links("/find?q=")
    assert "The same as text" in page.text


@pytest.mark.parametrize("path", ["/limits", "/limit/set?name=a", "/unique", "/batches", "/workflows"])
def test_who_may_only_look_sees_no_act(path: str, jobs: ModuleType) -> None:
    """And can do none."""
    site = wsgi(
        jobs.app, auth=lambda environ: environ.get("test.user", "ada"), hosts=["localhost"], read_only=True
    )
    reader = WebClient(site)
    jobs.once.enqueue(1)
    assert '<form method="post"' not in reader.get(path).text
    for act in ("/limit/set", "/limit/declared", "/unique/release", "/batch/cancel", "/batch/retry"):
        assert (
            reader.post(act, [("name", "a"), ("id", "b"), ("number", "1"), ("fingerprint", "c")]).status
            == 403
        )
    assert len(jobs.app.store.locks.all()) == 1
