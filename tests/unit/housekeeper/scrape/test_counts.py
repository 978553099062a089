"""What is counted for scrapers, and when the daemon counts as living and as ready."""

import time

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from resqd.errors import StoreUnavailable
from resqd.housekeeper.scrape import counts
from resqd.housekeeper.scrape.counts import Counts
from resqd.housekeeper.scrape.exposition import document
from resqd.store.redis.health import Health
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics, Vitals


class Scene:
    def __init__(self) -> None:
        self.now = 100.0
        self.health = Health(where="redis://x", clock=lambda: self.now)
        self.counts = Counts(health=self.health, clock=lambda: self.now)

    def hear(self, intent: str = "running", booted: int = 2) -> None:
        self.counts.hear(
            Vitals(intent, 2, booted, 16, 3, 5, 0, 60.0, 1 << 20, 1000, 10, {"recycled": 7, "killed": 1})
        )

    def ended(self, job_class: str, *, succeeded: int = 0, failed: int = 0, ms: float = 1.0) -> None:
        metrics = JobMetrics(job_class, succeeded + failed, succeeded, failed, (ms,), (ms * 2,))
        self.counts.take(Busy(1, (), (metrics,)))

    def values(self) -> dict[tuple[str, str], float]:
        """By sample's name and its labels' values."""
        return {
            (one.name, ",".join(one.labels.values())): one.value
            for found in parsed(document(self.counts.families()))
            for one in found.samples
        }


def test_everything_is_told_in_a_form_that_prometheus_reads() -> None:
    """Jobs by class and outcome, times, queues, workers and why they ended."""
    scene = Scene()
    scene.hear()
    scene.ended("A", succeeded=3, failed=1)
    scene.ended("A", succeeded=2)
    scene.counts.measured(Measured({"mail": 4}, {"mail": 1.5}, {"failed": 9}))
    told = scene.values()
    assert told["resqd_jobs_total", "A,succeeded"] == 5
    assert told["resqd_jobs_total", "A,failed"] == 1
    assert told["resqd_job_run_seconds_count", "A"] == 6
    assert told["resqd_queue_length", "mail"] == 4
    assert told["resqd_queue_latency_seconds", "mail"] == 1.5
    assert told["resqd_jobs_in_redis", "failed"] == 9
    assert told["resqd_worker_exits_total", "recycled"] == 7
    assert told["resqd_threads_busy", ""] == 3
    assert told["resqd_redis_up", ""] == 1


def test_classes_beyond_a_thousand_share_a_series() -> None:
    """A scraper keeps each for weeks, and a producer may make up names."""
    scene = Scene()
    for number in range(counts.MOST_CLASSES + 5):
        scene.ended(f"C{number}", succeeded=1)
    told = scene.values()
    assert told["resqd_jobs_total", "other,succeeded"] == 5
    assert sum(1 for name, _ in told if name == "resqd_jobs_started_total") == counts.MOST_CLASSES + 1


def test_a_scrape_of_a_thousand_classes_is_quick() -> None:
    """54,000 lines in some 15 ms of a processor where nothing else runs; made one by one they took 180."""
    scene = Scene()
    scene.hear()
    for number in range(counts.MOST_CLASSES):
        scene.ended(f"shop.jobs.Class{number}", succeeded=5, failed=1, ms=number)
    took = []
    for _ in range(12):
        began = time.process_time()
        text = document(scene.counts.families())
        took.append(time.process_time() - began)
    assert text.count("\n") > 54_000
    assert min(took) < 0.06


def test_a_master_that_says_nothing_does_not_live() -> None:
    """Its loop stands still; a supervisor that asks may restart it."""
    scene = Scene()
    scene.hear()
    assert scene.counts.alive() == ""
    scene.now += counts.MASTER_SILENT + 1
    assert "silent for 11 s" in scene.counts.alive()
    assert "silent" in scene.counts.ready()


def test_ready_is_who_would_run_a_job_now() -> None:
    """Not before the master has spoken, without Redis or a worker, or while it is told otherwise; each is said."""
    scene = Scene()
    assert "not said" in scene.counts.ready()
    scene.hear(booted=0)
    assert scene.counts.ready() == "no worker is up"
    scene.hear(intent="draining")
    assert scene.counts.ready() == "the daemon is draining"
    scene.hear()
    assert scene.counts.ready() == ""
    scene.health.bad(StoreUnavailable("gone"))
    assert scene.counts.ready() == "redis: gone"
    assert scene.counts.alive() == ""
