"""A real Prometheus scrapes a daemon, and understands every query of the dashboard."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from resqd.store.resque.store import Store
from tests.support.daemon import Daemon
from tests.support.topologies import free_ports
from tests.support.waiting import wait_for
from tests.system.test_scrape import JOBS

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(
    PROMETHEUS is None, reason="no prometheus on this machine: apt-get install prometheus"
)

_CONFIG = """
scrape_configs:
  - job_name: resqd
    scrape_interval: 200ms
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def query(port: int, text: str) -> list[dict[str, Any]]:
    """What Prometheus answers; AssertionError for what it does not understand."""
    address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            told = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.SERVICE_UNAVAILABLE:  # it still starts
            return []
        raise AssertionError(f"{text}: {error.read().decode()}") from error
    except OSError:
        return []
    assert told["status"] == "success"
    return list(told["data"]["result"])


def test_prometheus_scrapes_a_daemon(tmp_path: Path, redis_url: str) -> None:
    """Counts arrive under their names; the dashboard asks for nothing that is not there, or is no query."""
    scraped, served = free_ports(2)
    (tmp_path / "scraped.py").write_text(JOBS)
    (tmp_path / "prometheus.yml").write_text(_CONFIG.format(port=scraped))
    environ = {"PYTHONPATH": str(tmp_path), "REDIS_URL": redis_url, "RESQD_HTTP": f"127.0.0.1:{scraped}"}
    store = Store.of(url=redis_url, namespace="resque")
    store.push("q", [b'{"class":"add","args":[1,%d],"enqueued_at":1.5}' % divisor for divisor in (1, 2, 0)])
    command = [
        str(PROMETHEUS), f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{served}", "--log.level=warn",
    ]  # fmt: skip
    with contextlib.ExitStack() as end:
        daemon = Daemon("--app", "scraped:app", folder=tmp_path, environ=environ, cwd=tmp_path)
        end.enter_context(daemon)
        log = end.enter_context((tmp_path / "prometheus.log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        end.callback(process.wait, 10)
        end.callback(process.terminate)
        failed = 'resqd_jobs_total{class="add",outcome="failed"}'
        (found,) = wait_for(lambda: query(served, failed), 30, what="the failure is scraped", every=0.1)
        assert found["value"][1] == "1"
        assert query(served, "up")[0]["value"][1] == "1"
        assert query(served, "resqd_job_run_seconds_count")[0]["value"][1] == "3"
        panels = json.loads(files("resqd.cli").joinpath("grafana.json").read_text())["panels"]
        asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
        assert len(asked) > 20
        for text in asked:
            plain = text.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$class", ".*")
            query(served, plain)
        gauges = [text for text in asked if "rate(" not in text and "increase(" not in text]
        empty = [text for text in gauges if not query(served, text.replace("$instance", ".*"))]
        assert empty == []
        daemon.stop()
    store.close()
