"""A daemon that answers scrapers, as Prometheus and a supervisor ask it."""

import contextlib
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed

from resqd.store.resque.store import Store
from tests.support.daemon import Daemon
from tests.support.topologies import free_ports
from tests.support.waiting import wait_for

JOBS = """
import resqd

app = resqd.App()


@app.job(queue="q", name="add")
def add(a, b):
    return a / b
"""


def asked(port: int, path: str) -> tuple[int, str, str]:
    """Status, content type and body; status 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()
    except OSError as error:
        return 0, "", str(error)


def values(port: int) -> dict[str, float]:
    """By sample's name and its labels' values."""
    status, content_type, text = asked(port, "/metrics")
    assert status == 200, text
    assert content_type.startswith("application/openmetrics-text")
    return {
        ",".join([one.name, *one.labels.values()]): one.value
        for found in parsed(text)
        for one in found.samples
    }


def test_scrapers_and_supervisors_are_answered(tmp_path: Path, redis_url: str) -> None:
    """Counts by class and outcome, gauges of queues and workers, and whether it lives and is ready."""
    [port] = free_ports(1)
    (tmp_path / "scraped.py").write_text(JOBS)
    environ = {
        "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}",
        "REDIS_URL": redis_url,
        "RESQD_APP": "scraped:app",
        "QUEUES": "q",
        "JOBS_PER_FORK": "2",
        "RESQD_HTTP": f"127.0.0.1:{port}",
    }
    store = Store.of(url=redis_url, namespace="resque")
    daemon = Daemon(folder=tmp_path, environ=environ, cwd=tmp_path).start()
    with contextlib.ExitStack() as end:
        end.callback(lambda: daemon.process.poll() is None and daemon.stop())
        wait_for(lambda: asked(port, "/readyz")[0] == 200, 20, what="the daemon is ready")
        assert asked(port, "/healthz")[0] == 200
        assert asked(port, "/other")[0] == 404
        store.push(
            "q", [b'{"class":"add","args":[1,%d],"enqueued_at":1.5}' % divisor for divisor in (1, 2, 0)]
        )
        store.push("other", [b'{"class":"add","args":[],"enqueued_at":1.5}'])
        wait_for(
            lambda: values(port).get("resqd_jobs_total,add,failed") == 1, 20, what="a failure is counted"
        )
        wait_for(
            lambda: values(port).get("resqd_worker_exits_total,recycled", 0) >= 1, 20, what="an exit is told"
        )
        wait_for(lambda: values(port).get("resqd_queue_length,other") == 1, 20, what="queues are measured")
        told = values(port)
        assert told["resqd_jobs_total,add,succeeded"] == 2
        assert told["resqd_job_run_seconds_count,add"] == 3
        assert told["resqd_queue_latency_seconds,other"] > 1_000_000
        assert told["resqd_processed_jobs_total"] == 3
        assert told["resqd_workers"] in (1, 2)  # the next one may be up and wait already
        assert daemon.stop() == 0
    store.close()
