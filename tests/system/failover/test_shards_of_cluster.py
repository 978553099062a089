"""`?shards=4` on a Cluster: four slots, a fourth of all apart, so that each node has some."""

from __future__ import annotations

import os
from pathlib import Path

from resqd import App
from resqd.errors import StoreUnavailable
from resqd.sharding import shards_of
from resqd.store.redis.url import ConnectionConfig
from tests.support.daemon import Daemon
from tests.support.topologies import ClusterOfSix
from tests.support.waiting import wait_for

JOBS = """
import os
import resqd

app = resqd.App(name="slots")
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND)


@app.job(queue="q", name="mark")
def mark(number):
    os.write(journal, b"%d\\n" % number)
"""


def test_jobs_are_spread_over_slots_of_all_nodes(cluster: ClusterOfSix, tmp_path: Path) -> None:
    """A node that dies takes its slots along for a moment; jobs of the others go on, and its own follow its replica."""
    (tmp_path / "slot_jobs.py").write_text(JOBS)
    for node in cluster.nodes:  # else all slots are closed as long as one node is away
        node.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
    journal = tmp_path / "journal"
    journal.touch()
    url = f"{cluster.url}?shards=4"
    environ = {
        "REDIS_URL": url,
        "JOURNAL": str(journal),
        "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
    }
    app = App(url, name="slots")
    app.job(name="mark", queue="q")(mark)

    def ran() -> list[int]:
        return sorted(map(int, journal.read_text().split()))

    namespaces = [shard.namespace for shard in shards_of([url], "resque")]
    holders = {cluster.holder(f"{namespace}:queues").port for namespace in namespaces}
    assert len(holders) == 3
    daemon = Daemon(
        "--app", "slot_jobs:app", "--jobs-per-fork", "0", folder=tmp_path, environ=environ
    ).start()
    try:
        daemon.wait_for_line("jobs are on 4 shards")
        app.enqueue_many("mark", [(number,) for number in range(400)])
        wait_for(lambda: ran() == list(range(400)), 30, what="all have run, once")
        assert app.info()["processed"] == 400
        each = [store.books.stats.processed for store in app.store.every]
        assert each == [100, 100, 100, 100]
        victim = cluster.holder(f"{namespaces[1]}:queues")
        victim.kill()
        unsure = []
        for number in range(400, 500):
            try:
                app.enqueue("mark", number)
            except StoreUnavailable:
                unsure.append(number)
        assert len(unsure) <= 4  # those whose answers were lost, on each link one at most
        sure = set(range(500)) - set(unsure)
        wait_for(lambda: sure <= set(ran()), 60, what="those that were pushed meanwhile have run")
    finally:
        app.close()
        daemon.stop()


def mark(number: int) -> None:
    """Stands for the daemon's job of that name."""


def test_the_urls_option_is_not_taken_for_the_clients() -> None:
    assert ConnectionConfig.from_url("redis+cluster://h?shards=8").discovery is not None
