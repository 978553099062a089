"""The pages on a real server: what they show, within which bounds, and what they say when nothing is there."""

import json
import time

import pytest
import redis

from resqd import App
from resqd.cron.entry import Entry
from resqd.cron.schedule import from_text
from resqd.store.cron.crontab import Crontab
from resqd.store.history.row import Row
from resqd.store.history.row import encode as encode_row
from resqd.store.later.later import When
from resqd.store.names import to_text
from resqd.store.resque.encoding import encode
from resqd.web import wsgi
from resqd.web.data.works import Work
from resqd.web.site import Site
from tests.support.waiting import wait_for
from tests.support.web_client import WebClient


def fail(
    client: redis.Redis, number: int, *, job_class: str = "send", error: str = "no route", **more: object
) -> None:
    """Write failures as a daemon does."""
    for at in range(number):
        payload = {"class": job_class, "args": [f"user{at}@x.org", f"hello {at}"], "id": f"{job_class}-{at}"}
        record = {"failed_at": time.strftime("%Y/%m/%d %H:%M:%S UTC", time.gmtime()), "payload": payload,
                  "exception": "OSError", "error": f"{error} {at}", "backtrace": ["jobs.py:1"], "worker": "w:1:mail",
                  "queue": "mail"}  # fmt: skip
        client.rpush("resque:failed", json.dumps(record | more))


def beat(client: redis.Redis, worker: str, *, ago: float = 0.0) -> None:
    """Register a daemon as one that lives does, with a heartbeat so many seconds old."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    client.sadd("resque:workers", worker)
    client.sadd("resque:resqd:workers", worker)
    client.hset("resque:workers:heartbeat", worker, at)
    client.hset("resque:resqd:intervals", worker, "12")


def run(
    client: redis.Redis, worker: str, pid: int, thread: int, payload: object, *, queue: str = "mail"
) -> None:
    """Show a running job as a daemon does."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 90))
    client.sadd(f"resque:worker:{worker}:threads", f"{worker}:{pid}:{thread}")
    client.set(
        f"resque:worker:{worker}:{pid}:{thread}",
        json.dumps({"queue": queue, "run_at": at, "payload": payload}),
    )


DAEMON = "app-01:7:mail,tenant.*:2:4:50"
JOB = {"class": "send", "args": ["secret@x.org", "hi"], "id": "ab12"}


@pytest.mark.parametrize(
    "path", ["/", "/queues", "/running", "/failed", "/hosts", "/later", "/cron", "/classes"]
)
def test_an_empty_page_teaches(reader: WebClient, path: str) -> None:
    """Where nothing is there the page says what would be, and how."""
    text = reader.page(path).text
    assert "empty" in text or "Nothing is wrong" in text


def test_the_overview_says_what_is_wrong(reader: WebClient, app: App, redis_client: redis.Redis) -> None:
    """A queue that nobody works on, a daemon that is silent, and where to look."""
    beat(redis_client, DAEMON)
    beat(redis_client, "app-02:8:low:1:1:1", ago=60)
    app.enqueue_to("exports", "Export", 1)
    app.enqueue_to("tenant.7", "Export", 1)
    text = reader.page("/").text
    assert "Nobody works on <code>exports</code>:</b> 1 job waits" in text
    assert "tenant.7</code>" not in text
    assert "app-02 has been silent for 1 min" in text
    assert reader.page("/", part="live").text.count("<html") == 0


def test_no_worker_at_all_is_one_sentence(reader: WebClient, app: App) -> None:
    """A hundred queues that wait for the first daemon are one fault."""
    for number in range(100):
        app.enqueue_to(f"q{number}", "A")
    assert "No worker is running:</b> 100 jobs wait in 100 queues." in reader.page("/").text


def test_queues_are_shown_and_one_is_cleared(reader: WebClient, app: App) -> None:
    """The question names the count; a wrong name clears nothing, the right one does."""
    for number in range(120):
        app.enqueue_to("exports", "Export", number)
    assert ">120<" in reader.page("/queues").text
    page = reader.page("/queue", name="exports")
    assert len(page.links("/job")) == 50
    assert "Jobs 1 to 50 of 120" in page.text
    question = page.links("/queue/clear")[0]
    assert reader.act(question, "/queue/clear", ("typed", "other")).status == 409
    assert app.size("exports") == 120
    assert (
        reader.act(question, "/queue/clear", ("typed", "exports")).header("Location")
        == "/queues?done=clear&n=120"
    )
    assert app.size("exports") == 0


def test_one_waiting_job_is_shown_and_deleted_wherever_it_has_moved(reader: WebClient, app: App) -> None:
    """Workers take jobs meanwhile: it is the job that was seen which goes, or none."""
    for number in range(5):
        app.enqueue_to("exports", "Export", number)
    page = reader.page("/queue", name="exports")
    job = page.links("/job")[3]
    app.pop("exports")
    app.pop("exports")
    assert "Why is it not running?" in reader.get(job).text
    question = page.links("/queue/delete")[3]
    assert reader.act(question, "/queue/delete").status == 303
    assert [job.args for job in app.peek("exports", 0, 9)] == [[2], [4]]
    assert reader.act(question, "/queue/delete").status == 409
    assert reader.get(job).status == 404


def test_what_runs_is_shown_and_killed_only_while_it_runs(
    reader: WebClient, site: Site, redis_client: redis.Redis
) -> None:
    """The wish goes to the worker's list; the next job on that thread is never meant."""
    beat(redis_client, DAEMON)
    run(redis_client, DAEMON, 31, 2, JOB)
    page = reader.page("/running")
    assert "1 min 3" in page.text
    question = page.links("/running/kill")[0]
    assert reader.act(question, "/running/kill").status == 303
    assert redis_client.lrange(f"resque:worker:{DAEMON}:31:kills", 0, -1) == [b"2"]
    fields = reader.get(question).fields("/running/kill")
    run(redis_client, DAEMON, 31, 2, JOB | {"id": "other"})
    assert reader.post("/running/kill", fields).status == 404
    assert redis_client.llen(f"resque:worker:{DAEMON}:31:kills") == 1
    site.desk.looks.forget()
    assert "other" in reader.page("/host", id=DAEMON).text


def test_masked_arguments_are_hidden_everywhere(
    reader: WebClient, app: App, redis_client: redis.Redis
) -> None:
    """In tables, on the job's page, in its payload, and for searches, which would tell them letter by letter."""
    fail(redis_client, 3)
    app.enqueue("send", "user7@x.org", "seen")
    app.enqueue("total", 5, 11)
    beat(redis_client, DAEMON)
    run(redis_client, DAEMON, 31, 2, JOB)
    waiting = reader.page("/queue", name="mail")
    pages = [reader.page("/failed"), reader.page("/running"), waiting, reader.get(waiting.links("/job")[0]),
             reader.get(reader.page("/failed").links("/failure")[0]), reader.page("/find", q="ab12")]  # fmt: skip
    for page in pages:
        assert page.status == 200
        assert "x.org" not in page.text
    assert "masked, str" in pages[3].text
    assert "seen" in pages[3].text
    assert "…" in waiting.text
    assert "3 match" in reader.page("/failed", text="hello").text
    assert "No failed job matches" in reader.page("/failed", text="user1@x").text


def test_failed_jobs_are_searched_and_grouped(reader: WebClient, redis_client: redis.Redis) -> None:
    """By text, class, error and group; numbers in messages are set aside."""
    fail(redis_client, 60)
    fail(redis_client, 3, job_class="total", error="other trouble")
    page = reader.page("/failed")
    assert "63 in 2 groups" in page.text
    assert len(page.links("/failure")) == 50
    assert "3 match" in reader.page("/failed", **{"class": "total"}).text
    assert "1 match" in reader.page("/failed", text="trouble 2").text
    assert "60 match" in reader.page("/failed", alike="no route #", since="1h").text
    older = reader.get(page.links("/failed?before")[0])
    assert len(older.links("/failure")) == 13


def test_one_failure_is_requeued_or_removed_where_it_stands_now(
    reader: WebClient, app: App, redis_client: redis.Redis
) -> None:
    """Its page stays right when others before it go, and says so when it is gone itself."""
    fail(redis_client, 4)
    page = reader.page("/failed")
    newest, second = page.links("/failure")[:2]
    app.failures.remove(0)
    assert reader.act(newest, "/failed/requeue").header("Location") == "/failed?done=requeue"
    assert [job.id for job in app.peek("mail", 0, 9)] == ["send-3"]
    assert app.failures.count() == 2
    assert reader.get(newest).status == 404
    question = reader.get(second).links("/failed/remove")[0]
    assert reader.act(question, "/failed/remove").status == 303
    assert [failure.id for failure in app.failures.all()] == ["send-1"]


def test_ticked_failures_go_back_and_the_rest_stays(
    reader: WebClient, app: App, redis_client: redis.Redis
) -> None:
    """One that is gone meanwhile is counted as refused."""
    fail(redis_client, 5)
    page = reader.page("/failed")
    ticked = [("job", each.partition('"')[0]) for each in page.text.split('name="job" value="')[1:4]]
    app.failures.remove("send-4")
    answer = reader.act("/failed", "/failed/ticked", ("verb", "requeue"), *ticked)
    assert answer.header("Location") == "/failed?done=requeue-ticked&n=2&refused=1"
    assert sorted(str(job.id) for job in app.peek("mail", 0, 9)) == ["send-2", "send-3"]


def works(site: Site) -> list[Work]:
    """The acts on many, once all have ended."""

    def ended() -> list[Work] | None:
        found = site.desk.works.all()
        return found if found and all(work.ended for work in found) else None

    return wait_for(ended)


def test_all_that_a_filter_matches_is_requeued_in_the_background(
    reader: WebClient, app: App, site: Site, redis_client: redis.Redis
) -> None:
    """What it does not match stays, what cannot be put back is counted, and the page tells how it went."""
    fail(redis_client, 700)
    fail(redis_client, 5, job_class="total")
    fail(redis_client, 1, queue="")
    page = "/failed?error=OSError&class=send"
    fields = reader.get(page).fields("/failed/ticked")
    assert reader.post("/failed/all/requeue", fields).status == 303
    (work,) = works(site)
    assert (work.state, work.changed, work.refused) == ("done", 700, 1)
    assert app.size("mail") == 700
    assert app.failures.count() == 6
    assert "Requeueing class: send, error: OSError: 700, done" in reader.get(page).text
    assert "1 refused: the record does not say which queue" in reader.get(page).text


def test_many_are_removed_only_when_their_count_is_typed(
    reader: WebClient, app: App, site: Site, redis_client: redis.Redis
) -> None:
    """And jobs that fail after that are not touched."""
    fail(redis_client, 150)
    fail(redis_client, 1, failed_at="2999/01/01 00:00:00 UTC")
    assert reader.act("/failed/all/remove", "/failed/all/remove", ("typed", "15")).status == 409
    assert app.failures.count() == 151
    assert reader.act("/failed/all/remove", "/failed/all/remove", ("typed", "151")).status == 303
    assert works(site)[0].changed == 150
    assert app.failures.count() == 1


def test_a_count_of_all_groups_the_whole_list(
    reader: WebClient, site: Site, redis_client: redis.Redis
) -> None:
    """Where one look sees only a part, everything is counted in the background, and shown by whichever process."""
    fail(redis_client, 30)
    fail(redis_client, 30, error="other")
    assert reader.post("/failed/all/count", reader.get("/failed").fields("/failed/ticked")).status == 303
    assert [group["count"] for group in works(site)[0].groups] == [30, 30]
    assert "60 in all, counted" in reader.page("/failed").text


def test_names_of_any_bytes_and_hostile_text_are_shown(reader: WebClient, redis_client: redis.Redis) -> None:
    """Nothing from Redis becomes markup, and a queue of any name has its page."""
    name = b"a/b ?&\xff<script>x</script>\n"
    redis_client.sadd("resque:queues", name)
    redis_client.rpush(
        b"resque:queue:" + name, b'{"class":"<b>x","args":["<i>"],"id":"\\ud800"}', b"no json", b""
    )
    redis_client.rpush(
        "resque:failed", b"nonsense", b'{"payload":{"class":"<script>y"},"error":"\\ud800"}', b"[]"
    )
    beat(redis_client, "<script>z:1:*:1:1:1")
    pages = [reader.page(path) for path in ("/", "/queues", "/failed", "/hosts", "/running")]
    shown = reader.page("/queue", name=to_text(name))
    for page in [*pages, shown, *(reader.get(each) for each in pages[2].links("/failure"))]:
        assert page.status == 200
        for tag in ("<script>", "<b>x", "<i>"):
            assert tag not in page.text
    assert len(shown.links("/job")) == 3
    for each in shown.links("/job"):
        assert reader.get(each).status == 200


def test_huge_payloads_are_named_and_not_read(reader: WebClient, redis_client: redis.Redis) -> None:
    """A page over jobs of megabytes stays small and quick."""
    huge = json.dumps({"class": "A", "args": ["x" * 3_000_000], "id": "1"})
    redis_client.sadd("resque:queues", "mail")
    for _ in range(20):
        redis_client.rpush("resque:queue:mail", huge)
        redis_client.rpush(
            "resque:failed", json.dumps({"payload": {"class": "A", "args": ["x" * 3_000_000]}})
        )
    began = time.monotonic()
    queue, failed = reader.page("/queue", name="mail"), reader.page("/failed")
    assert time.monotonic() - began < 5
    assert queue.text.count("A payload of 3.0 MB") == 20
    assert "20 too large to search" in failed.text
    assert failed.text.count("(a record of 3.0 MB)") > 20
    assert "xxx" in reader.get(failed.links("/failure")[0]).text
    assert len(queue.text) + len(failed.text) < 200_000


def test_the_overviews_poll_asks_redis_little(
    reader: WebClient, site: Site, redis_client: redis.Redis
) -> None:
    """At most 30 commands at 1,000 queues and a hundred daemons, however many readers poll in one second."""
    with redis_client.pipeline() as pipe:
        for number in range(1_000):
            pipe.sadd("resque:queues", f"q{number}")
            pipe.rpush(f"resque:queue:q{number}", json.dumps({"class": "A", "args": [], "enqueued_at": 1e9}))
        pipe.execute()
    for number in range(100):
        beat(redis_client, f"app-{number}:7:q*:4:8:50")
        run(redis_client, f"app-{number}:7:q*:4:8:50", 31, 1, JOB)
    reader.page("/")
    site.desk.looks.forget()
    before = _commands(redis_client)
    for _ in range(5):
        reader.page("/", part="live")
    assert _commands(redis_client) - before <= 30 + 2  # INFO itself, and a SELECT of the first connection
    assert "1,000" in reader.page("/").text


def _commands(client: redis.Redis) -> int:
    """What Redis was asked, without what its scripts do inside."""
    stats = client.info("commandstats")
    inside = {"cmdstat_llen", "cmdstat_lindex", "cmdstat_lrange"}
    return sum(each["calls"] for name, each in stats.items() if name not in inside)


def test_redis_away_is_said_and_nothing_breaks() -> None:
    """A page of its own with what stands still and what is safe; a poll gets the same status and keeps its numbers."""
    away = App("redis://127.0.0.1:1/0")
    reader = WebClient(wsgi(away, auth=lambda _: "ada"))
    for path in ("/", "/failed", "/?part=live"):
        answer = reader.get(path)
        assert answer.status == 503
        assert "Redis cannot be reached" in answer.text
        assert "nothing is lost" in answer.text


def test_search_leads_to_queues_jobs_and_classes(
    reader: WebClient, app: App, redis_client: redis.Redis
) -> None:
    """Wherever an id is; and where it is nowhere, the page says where it looked."""
    job_id = app.enqueue_to("exports", "Export", 1)
    fail(redis_client, 2)
    beat(redis_client, DAEMON)
    run(redis_client, DAEMON, 31, 2, JOB)
    assert reader.get("/find?q=exports").header("Location") == "/queue?name=exports"
    assert (reader.get(f"/find?q={job_id}").header("Location") or "").startswith("/job?name=exports&at=0")
    assert (reader.get("/find?q=send-1").header("Location") or "").startswith("/failure?list=failed&at=1")
    assert "It is running" in reader.page("/find", q="ab12").text
    assert reader.get("/find?q=total").header("Location") == "/failed?class=total"
    assert "was not found" in reader.page("/find", q="nowhere").text


def test_hidden_arguments_are_hidden_for_all_jobs(app: App, redis_client: redis.Redis) -> None:
    """`hide_arguments` is for those who may look at the fleet and not at its data."""
    app.enqueue_to("exports", "Export", "secret")
    fail(redis_client, 1)
    reader = WebClient(wsgi(app, auth=lambda _: "ada", hide_arguments=True))
    queue = reader.page("/queue", name="exports")
    pages = [
        queue,
        reader.get(queue.links("/job")[0]),
        reader.page("/failed"),
        reader.page("/failed", text="hello"),
    ]
    for page in pages:
        assert "secret" not in page.text
        assert "hello 0" not in page.text
    assert "No failed job matches" in pages[3].text


def test_a_queue_is_paused_for_all_hosts_and_resumed(
    reader: WebClient, app: App, redis_client: redis.Redis
) -> None:
    """It says by whom, is no fault then, and Ruby's key is what pauses it."""
    app.enqueue_to("exports", "Export", 1)
    beat(redis_client, DAEMON)
    page = "/queue?name=exports"
    assert reader.act(page, "/queue/pause").status == 303
    assert redis_client.exists("resque:pause:queue:exports")
    assert "Paused by ada since" in reader.get(page).text
    assert "Nothing is wrong" in reader.page("/").text
    assert reader.act(page, "/queue/resume").status == 303
    assert not redis_client.exists("resque:pause:queue:exports")
    assert "Nobody works on" in reader.page("/").text


def test_jobs_that_are_to_run_later_are_moved_run_and_cancelled(reader: WebClient, app: App) -> None:
    """By ticket, so that another job is never meant; one that is gone is said to be."""
    for at in range(3):
        app.store.schedule.put(
            "mail", [(f"t{at}", encode("send", ["x@x.org", at], id=f"l{at}"))], When.after(3600 * (at + 1))
        )
    page = reader.page("/later")
    assert "3 jobs to run later" in page.text
    assert "x.org" not in page.text
    assert reader.act("/later", "/later/run").status == 303
    assert [job.id for job in app.peek("mail", 0, 9)] == ["l0"]
    assert reader.act("/later", "/later/move", ("after", "1d")).status == 303
    assert "23 h 59 min" in reader.page("/later").text or "1 d 0 h" in reader.page("/later").text
    question = reader.page("/later").links("/later/cancel")[0]
    assert reader.act(question, "/later/cancel").status == 303
    assert reader.act(question, "/later/cancel").status == 409
    assert "1 job to run later" in reader.page("/later").text


def test_entries_of_the_timetable_are_run_and_paused(reader: WebClient, app: App) -> None:
    """The next one first; what another release has written is told with its trouble."""
    app.store.open(Crontab).add(Entry("nightly", from_text("0 3 * * *"), "send", "mail", ("a", "b")))
    assert "0 3 * * *" in reader.page("/cron").text
    assert reader.act("/cron", "/cron/run").status == 303
    assert app.size("mail") == 1
    assert reader.act("/cron", "/cron/pause").status == 303
    assert "by ada since" in reader.page("/cron").text
    assert reader.act("/cron", "/cron/resume").status == 303
    assert reader.post("/cron/run", [("token_of_form", _token(reader)), ("name", "gone")]).status == 409


def _token(reader: WebClient) -> str:
    return dict(reader.get("/failed/all/remove").fields("/failed/all/remove"))["token_of_form"]


def test_classes_are_shown_from_the_history(reader: WebClient, redis_client: redis.Redis) -> None:
    """For all hosts, by class; with a link to one, whose name may be anything, and an honest answer for no time."""
    row = Row()
    for name in ("send", "<b>"):
        counts = row.of_class(name)
        counts.succeeded, counts.failed = 40, 2
        counts.ran.add([0.25], 42)
    minute = int(redis_client.time()[0]) // 60 * 60 - 300
    redis_client.hset("resque:resqd:history:60", str(minute), encode_row(row))
    text = reader.page("/classes").text
    assert "2 classes" in text
    assert "&lt;b&gt;</a>" in text
    assert "data-curves=" in text
    one = reader.page("/classes", **{"class": "send", "over": "8h"}).text
    assert "send</h2>" in one
    assert reader.get("/classes?over=2h").status == 400
