"""resqd autoscale-hint on a real history."""

import json

from click.testing import CliRunner

from resqd.cli.resqd import main
from resqd.store.history.merger import Merger
from resqd.store.history.row import Row
from resqd.store.history.spans import MINUTE, start
from resqd.store.keys import Keys
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig
from resqd.store.resque.store import Store


def test_the_hint_follows_the_history_and_what_waits(redis_url: str) -> None:
    """Without a history it says what is missing; an idle fleet needs none."""

    def hint(*flags: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["autoscale-hint", "--redis-url", redis_url, *flags])
        return result.exit_code, result.output

    assert hint("--min", "0") == (0, "0\n")
    store, link = Store.of(url=redis_url, namespace="resque"), Link(ConnectionConfig.from_url(redis_url))
    store.push("q", [b"{}"] * 20)
    status, text = hint()
    assert (status, "RESQD_HISTORY=on" in text) == (1, True)
    row = Row()
    counts = row.of_class("A")
    counts.succeeded = 1_200
    counts.ran.add([1.0], 1_200)
    now = int(link.call("TIME")[0])
    merger = Merger(link, Keys(), author="a")
    merger.put(start(now, MINUTE) - 2 * MINUTE, row)
    assert merger.reign("t")
    assert merger.merge("t", sample=Row(), now=now)
    status, text = hint("--threads", "2", "--goal", "5", "--json")
    facts = json.loads(text)
    assert status == 0
    assert (facts["run_seconds"], facts["waiting"]) == (1.0, 20)
    assert 4.0 < facts["arrivals_per_second"] < 4.2
    assert facts["workers"] == 6  # 4.07 busy, 2.02 in reserve, 4 for what waits
    store.close()
    link.close()
