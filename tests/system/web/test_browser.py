"""The page in a real browser, on a running fleet of two daemons: every page, every button, every width."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from resqd import App
from resqd.cron.entry import Entry
from resqd.cron.schedule import from_text
from resqd.store.cron.crontab import Crontab
from resqd.store.later.later import When
from resqd.store.resque.encoding import encode
from tests.support import shown_jobs
from tests.support.browser import WIDTHS, Browser, browsing
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECRET = "what the page and the fleet share"
JOBS = Path(__file__).parents[2] / "support" / "shown_jobs.py"


@pytest.fixture
def fleet(redis_url: str, tmp_path: Path) -> Iterator[App]:
    """Two daemons that have worked: jobs done, failed, running and waiting for nobody."""
    shutil.copy(JOBS, tmp_path / "shown_jobs.py")
    app = App(redis_url)
    environ = {"REDIS_URL": redis_url, "PYTHONPATH": f"{Path.cwd()}:{tmp_path}", "RESQD_SECRET": SECRET}
    flags = ["--app", "shown_jobs:app", "--queues", "mail,billing,search,tenant.*", "--workers", "2", "--threads", "4",
             "--jobs-per-fork", "0"]  # fmt: skip
    folders = [tmp_path / "app-01", tmp_path / "app-02"]
    for folder in folders:
        folder.mkdir()
    one, two = (
        Daemon(
            *flags, "--host", folder.name, "--name", folder.name, folder=folder, environ=environ, cwd=tmp_path
        )
        for folder in folders
    )
    with one, two:
        app.store.push(
            "mail", [encode("mail.send_digest", [f"u{at}@x.org", "news"], id=f"m{at}") for at in range(200)]
        )
        app.store.push(
            "billing", [encode("billing.charge_card", [f"c{at}", at], id=f"b{at}") for at in range(180)]
        )
        app.store.push("search", [encode("search.reindex_shard", [at], id=f"s{at}") for at in range(5)])
        for at in range(30):
            app.enqueue_to("exports", "Export", at, {"format": "csv"})
        for at in range(3):
            raw = encode("mail.send_digest", [f"u{at}@x.org", "later"], id=f"l{at}")
            app.store.schedule.put("mail", [(f"ticket-{at}", raw)], When.after(3600 * (at + 1)))
        entry = Entry(
            "nightly digest", from_text("0 3 * * *"), "mail.send_digest", "mail", ("all@x.org", "digest")
        )
        app.store.open(Crontab).add(entry)
        wait_for(lambda: app.stats.processed >= 380 and len(app.workers.threads_working()) >= 5, 20)
        yield app
        one.stop()
        two.stop()


@pytest.fixture
def page(fleet: App, redis_url: str, tmp_path: Path) -> Iterator[str]:
    """Where `resqd web` serves it, which lets a browser in by the address that it printed."""
    log = tmp_path / "web.log"
    environ = {"REDIS_URL": redis_url, "PATH": "/usr/bin:/bin", "PYTHONPATH": f"{Path.cwd()}:{tmp_path}",
               "XDG_RUNTIME_DIR": str(tmp_path / "run"), "XDG_STATE_HOME": str(tmp_path / "state"),
               "RESQD_SECRET": SECRET}  # fmt: skip
    command = [sys.executable, "-m", "resqd", "web", "--app", "shown_jobs:app", "--listen", "127.0.0.1:0"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=environ, cwd=tmp_path, start_new_session=True
        )
    try:
        address = wait_for(
            lambda: log.read_text().partition("page is at ")[2].strip() or None, what="the address"
        )
        assert fleet.workers.all()
        yield address.splitlines()[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def browser(page: str) -> Iterator[Browser]:
    """Let in, and at the overview."""
    base, _, token = page.partition("/?")
    with browsing(base) as found:
        found.resize(1280)
        found.open(f"/?{token}")
        found.waits_for("Overview")
        yield found


def pages(app: App) -> dict[str, str]:
    """Every page by a name."""
    worker = app.workers.all()[0].id.text
    return {
        "overview": "/", "queues": "/queues", "queue": "/queue?name=exports", "running": "/running",
        "running-none": "/running?text=nothing", "failed": "/failed", "failed-none": "/failed?text=nothing",
        "later": "/later", "cron": "/cron",
        "hosts": "/hosts", "host": f"/host?id={worker}", "found": "/find?q=s1", "failure": "/find?q=b3",
        "lost": "/find?q=nowhere", "clear": "/queue/clear?name=exports",
        "limits": "/limits", "unique": "/unique", "batches": "/batches", "workflows": "/workflows",
        "steer": "/host/steer?command=scale&id=all", "remove-all": "/failed/all/remove",
        "no-page": "/nope",
    }  # fmt: skip


def test_every_page_fits_every_width_and_reads_well(browser: Browser, fleet: App) -> None:
    """No sideways scrolling from 320 pixels on, light and dark without a violation, nothing refused by the policy."""
    browser.stand_still()
    for name, path in pages(fleet).items():
        browser.open(path)
        for width in WIDTHS:
            browser.resize(width)
            assert browser.overflow() == [], f"{name} at {width}"
        for width, theme in ((1280, "light"), (1280, "dark"), (375, "light")):
            browser.resize(width)
            browser.theme(theme)
            assert browser.violations() == [], f"{name} at {width}, {theme}"
            browser.picture(f"{name}-{width}-{theme}")
        refused = [each for each in browser.complaints() if "/nope" not in each]
        assert refused == [], name


def test_limits_locks_batches_and_workflows(browser: Browser, fleet: App, redis_url: str) -> None:
    """Each page fits and reads well with something on it; a limit is set, a lock released, a batch cancelled."""
    jobs = shown_jobs
    jobs.app.configure(redis_url=redis_url)
    held = jobs.export.enqueue(1, "hold")
    wait_for(lambda: len(fleet.workers.threads_working()) >= 6, 20)
    parked = jobs.export.enqueue(2)
    jobs.once.enqueue(1)
    with jobs.app.batch(description="the exports of today") as batch:
        failed = jobs.charge_card.enqueue("c1", 3)
        jobs.app.enqueue_to("idle", "Unknown", 1)
    with jobs.app.workflow(description="the nightly report") as flow:
        first = flow.group(*(jobs.send_digest.s(f"u{at}@x.org", "news") for at in range(5)))
        flow.add(jobs.send_digest.s("all@x.org", "done").using(queue="idle"), after=first)
    wait_for(lambda: fleet.batches.get(batch.id).failed == 1, 20)
    wait_for(lambda: fleet.batches.get(flow.id).pending == 1, 20)
    browser.stand_still()
    shown = {
        "limits-held": "/limits", "limit": "/limit?name=exports", "unique-held": "/unique", "batches-some": "/batches",
        "batch": f"/batch?id={batch.id}", "workflow": f"/batch?id={flow.id}", "workflows-some": "/workflows",
        "parked": f"/find?q={parked}", "running-job": f"/find?q={held}", "later-job": "/later/job?ticket=ticket-1",
        "failed-job": f"/find?q={failed}", "release": "/unique/release?fingerprint=none",
    }  # fmt: skip
    for name, path in shown.items():
        browser.open(path)
        for width in WIDTHS:
            browser.resize(width)
            assert browser.overflow() == [], f"{name} at {width}"
        for width, theme in ((1280, "light"), (1280, "dark"), (375, "light")):
            browser.resize(width)
            browser.theme(theme)
            assert browser.violations() == [], f"{name} at {width}, {theme}"
            browser.picture(f"{name}-{width}-{theme}")
        assert [each for each in browser.complaints() if "/unique/release" not in each] == [], name
    browser.resize(1280)
    browser.open("/limits")
    browser.click("Set…")
    browser.click("Leave as is")
    browser.click("Set…")
    browser.waits_for("Set the limit exports?")
    browser.run("document.querySelector('#dialog input[name=number]').value = '2'")
    browser.click("Set limit")
    browser.waits_for("The limit's number is set, on all hosts.")
    wait_for(lambda: fleet.result(str(parked)).state == "done", 20)
    browser.click("As declared")
    browser.waits_for("The limit is what the application declares.")
    browser.open(f"/find?q={parked}")
    browser.waits_for("What it returned")
    browser.open("/unique")
    browser.click("Release…")
    browser.click("Keep it")
    browser.click("Release…")
    browser.click("Release lock")
    browser.waits_for("The lock is released")
    browser.open(f"/batch?id={batch.id}")
    browser.click("Requeue what failed")
    browser.waits_for("1 failed jobs went back to their queues.")
    browser.click("Cancel batch…")
    browser.click("Keep it")
    browser.click("Cancel batch…")
    browser.click_on("#dialog .danger.primary")
    browser.waits_for("Cancelled: ")
    assert fleet.batches.get(batch.id).state == "cancelled"
    browser.open("/later")
    browser.click_on("tbody th a[href*='/later/job']")
    browser.waits_for("Why is it not running?")
    browser.click("Cancel job…")
    browser.click("Keep it")
    browser.click("Run now")
    browser.waits_for("The job went to the front of its queue.")


def test_buttons_of_queues_and_running_jobs(browser: Browser, fleet: App, redis_client: redis.Redis) -> None:
    """Delete a job, clear a queue, kill a job: each asks, its way out changes nothing, and the fleet obeys."""
    browser.open("/queue?name=exports")
    browser.click("Pause queue")
    browser.waits_for("The queue is paused on all hosts")
    assert redis_client.exists("resque:pause:queue:exports")
    browser.click("Resume queue")
    browser.waits_for("The queue is resumed.")
    assert not redis_client.exists("resque:pause:queue:exports")
    browser.click("Delete…")
    browser.click("Keep it")
    assert fleet.size("exports") == 30
    browser.click("Delete…")
    browser.click("Delete job")
    browser.waits_for("The job was deleted.")
    assert fleet.size("exports") == 29
    browser.click("Clear queue…")
    browser.one("#dialog input[name=typed]").send_keys("exports")
    browser.click("Clear 29 jobs")
    browser.waits_for("The queue was cleared: 29 jobs")
    assert fleet.size("exports") == 0
    browser.open("/running?text=search")
    browser.waits_for("search.reindex_shard")
    browser.click("Kill…")
    browser.waits_for("Kill search.reindex_shard on app-0")
    browser.click("Keep running")
    browser.click("Kill…")
    browser.click("Kill job")
    browser.waits_for("The worker was asked to kill the job")
    killed = wait_for(lambda: list(fleet.failures.each(job_class="search.reindex_shard")), 20)
    assert [each.exception for each in killed] == ["DirtyExit"]
    wait_for(lambda: len(fleet.workers.threads_working()) == 4)
    assert redis_client.hlen("resque:resqd:web:works") == 0


def test_buttons_of_failed_jobs(browser: Browser, fleet: App) -> None:
    """One is requeued, one removed, some ticked ones, then all that a filter matches, with its progress."""
    browser.open("/failed?class=billing.charge_card")
    browser.waits_for("60 match")
    browser.click_on("tbody th a[href*='/failure']")
    browser.waits_for("Why is it not running?")
    browser.picture("failure-of-the-fleet")
    browser.click("Remove job…")
    browser.click("Keep it")
    browser.click("Remove job…")
    browser.click_on("#dialog .danger.primary")
    browser.waits_for("The failed job was removed.")
    wait_for(lambda: fleet.failures.count() == 59)
    browser.click_on("tbody th a[href*='/failure']")
    browser.click("Requeue job")
    browser.waits_for("The job is back in its queue.")
    wait_for(lambda: fleet.stats.failed == 61 and fleet.failures.count() == 59)  # it has failed again
    for box in browser.driver.find_elements("css selector", "td input[name=job]")[:3]:
        box.click()
    browser.waits_for("3 ticked")
    browser.click("Remove ticked")
    browser.waits_for("3 removed.")
    browser.open("/failed?error=ConnectionError")
    browser.click("Remove 56 matching…")
    browser.waits_for("Remove 56 failed jobs for good?")
    browser.click("Keep them")
    browser.click("Requeue 56 matching")
    browser.waits_for("Requeueing error: ConnectionError: 56, done.")
    wait_for(lambda: fleet.stats.failed == 61 + 56)
    browser.click_on("a[aria-label='Take away the filter on error']")
    wait_for(lambda: "error=" not in browser.driver.current_url)


def test_buttons_of_jobs_that_are_to_run_later_and_recur(browser: Browser, fleet: App) -> None:
    """Run now, move, cancel; run, pause and resume an entry: the fleet runs what it is told."""
    browser.open("/later")
    browser.waits_for("3 jobs to run later")
    browser.click_on("button[aria-label^='Run now mail.send_digest l0']")
    browser.waits_for("The job went to the front of its queue.")
    wait_for(lambda: fleet.stats.processed == 381)
    browser.run("document.querySelector('select[name=after]').value = '1d'")
    browser.click_on("button[aria-label^='Move mail.send_digest l1']")
    browser.waits_for("The job is due at another time now.")
    browser.waits_for("1 d 0 h")
    browser.click("Cancel…")
    browser.click("Keep it")
    browser.click("Cancel…")
    browser.click("Cancel job")
    browser.waits_for("The job was cancelled.")
    browser.waits_for("1 job to run later")
    browser.open("/cron")
    browser.waits_for("1 job recurs")
    browser.click("Run now")
    browser.waits_for("Its job was enqueued")
    wait_for(lambda: fleet.stats.processed == 382)
    browser.click("Pause")
    browser.waits_for("It is not due until it is resumed.")
    browser.waits_for("by token since")
    browser.click("Resume")
    browser.waits_for("It is due again, from now on.")
    browser.picture("cron-of-the-fleet")


def test_buttons_of_daemons(browser: Browser, fleet: App) -> None:
    """One is paused and resumed, all are scaled and reloaded; each answers, and a question may be left."""
    browser.open("/hosts")
    browser.click_on("tbody th a[href*='/host?']")
    browser.waits_for("Facts")
    browser.click_on("button[aria-label^='Pause app-0']")
    browser.waits_for("Pause: done (paused).")
    browser.click_on("button[aria-label^='Resume app-0']")
    browser.waits_for("Resume: done (running).")
    browser.open("/hosts")
    browser.click_on("a[aria-label='Drain all daemons']")
    browser.waits_for("Drain 2 daemons?")
    browser.click("Leave as is")
    browser.click_on("a[aria-label='Scale all daemons']")
    browser.waits_for("Worker processes")
    browser.run("document.querySelector('#dialog input[name=number]').value = '3'")
    browser.click("Scale 2 daemons")
    browser.waits_for("Scale: done (3 workers).")
    browser.picture("hosts-steered")
    browser.click_on("a[aria-label='Scale all daemons']")
    browser.one("#dialog[open] input[name=number]")
    browser.run("document.querySelector('#dialog input[name=number]').value = '33'")
    browser.click("Scale 2 daemons")
    browser.waits_for("2 of 2 refused: the number of workers must be from 1 to RESQD_REMOTE_SCALE=32.")
    browser.click_on("a[aria-label='Reload all daemons']")
    browser.click("Reload 2 daemons")
    browser.waits_for("Reload: done (reloads: the new code was imported).")
    assert len(fleet.workers.all()) == 2


def next_look(browser: Browser) -> None:
    """Wait until the page shows a newer one."""
    clock = "return document.querySelector('#live-time').textContent"
    before = browser.run(clock)
    wait_for(lambda: browser.run(clock) != before)


def test_the_page_is_live_and_nothing_moves(browser: Browser, fleet: App) -> None:
    """Numbers change in place: no layout shift, and focus, an open table and the curves stay where they are."""
    browser.open("/")
    browser.run(
        "new PerformanceObserver(all => { for (const each of all.getEntries())"
        "  if (!each.hadRecentInput) { window.shift += each.value;"
        "    window.shifted = each.sources.map(one => one.node?.outerHTML?.slice(0, 100)); } })"
        ".observe({type: 'layout-shift'})"
    )
    browser.run(
        "document.querySelector('#curves-table').open = true;"
        "document.querySelector('#wrong').kept = 'yes';"
        "document.querySelector('#q').focus(); document.querySelector('#q').value = 'half a w'"
    )
    browser.run("window.shift = 0")
    for at in range(40):
        fleet.enqueue_to("exports", "Export", at)
    browser.waits_for("70 jobs wait")
    next_look(browser)
    wait_for(lambda: browser.run("return document.querySelectorAll('.curve canvas').length") == 3)
    assert browser.run("return [document.activeElement.id, document.activeElement.value, "
                       "document.querySelector('#curves-table').open, document.querySelector('#wrong').kept]") == [
        "q", "half a w", True, "yes"]  # fmt: skip
    assert browser.run("return window.shift") < 0.02, browser.run("return window.shifted")
    browser.run(
        "document.querySelector('#q').value = ''; document.querySelector('#curves-table').open = false"
    )
    for wave in range(1, 7):  # so that the curves have something to show
        raws = [
            encode("billing.charge_card", [f"c{at}", at], id=f"w{wave}-{at}") for at in range(40 * (wave % 4))
        ]
        fleet.store.push("billing", raws)
        next_look(browser)
    browser.picture("overview-live")


def test_keys_theme_and_pause(browser: Browser) -> None:
    """All by keyboard: go to a page, walk through rows, open one, switch the theme, pause, and list the keys."""
    body = browser.one("body")
    body.send_keys("gq")
    wait_for(lambda: browser.driver.current_url.endswith("/queues"))
    browser.one("body").send_keys("j")
    assert browser.run("return document.activeElement.closest('tr') !== null")
    first = browser.run("return document.activeElement.href")
    browser.run("document.activeElement.click()")
    wait_for(lambda: browser.driver.current_url == first)
    browser.one("body").send_keys("/")
    assert browser.run("return document.activeElement.id") == "q"
    browser.one("#q").send_keys("exports\n")
    browser.waits_for("Jobs that wait")
    for theme in ("light", "dark"):
        browser.one("body").send_keys("t")
        assert browser.run("return document.documentElement.dataset.theme") == theme
    browser.one("body").send_keys("p")
    assert browser.one("#pause-updates").text == "resume"
    browser.one("body").send_keys("?")
    browser.waits_for("Next, previous row")
    assert browser.violations() == []
    browser.picture("keys")


def test_the_page_acts_without_scripts(page: str, fleet: App) -> None:
    """Links and forms alone: a question is a page of its own."""
    base, _, token = page.partition("/?")
    with browsing(base, scripts=False) as plain:
        plain.resize(1280)
        plain.open(f"/queue?name=exports&{token}")
        plain.click("Clear queue…")
        plain.one("input[name=typed]").send_keys("exports")
        plain.click("Clear 30 jobs")
        wait_for(lambda: fleet.size("exports") == 0)
        plain.open("/failed")
        plain.click("Requeue 60 matching")
        wait_for(lambda: fleet.stats.failed == 120)
