"""What is printed for Grafana."""

import json
import re
from typing import Any

from click.testing import CliRunner

from resqd.cli.history_commands import grafana
from resqd.housekeeper.scrape.counts import Counts
from resqd.store.redis.health import Health
from resqd.store.resque.measure import Measured
from resqd.wire.messages import Busy, JobMetrics, Vitals

VITALS = Vitals("running", 2, 2, 8, 1, 3, 0, 60.0, 1 << 20, 9, 1, {"recycled": 4})


def dashboard() -> dict[str, Any]:
    """What the command prints."""
    result = CliRunner().invoke(grafana)
    assert result.exit_code == 0
    return dict(json.loads(result.output))


def exposed() -> set[str]:
    """The names of samples that a daemon answers with."""
    counts = Counts(health=Health(where="here", clock=lambda: 0.0), clock=lambda: 0.0)
    counts.take(Busy(7, (), (JobMetrics("A", 1, 1, 0, (1.0,), (1.0,)),)))
    counts.measured(Measured({"q": 1}, {"q": 1.0}, {"failed": 1}))
    counts.hear(VITALS)
    return set(re.findall(r"^(resqd_\w+)", "".join(counts.families()), re.MULTILINE))


def test_every_curve_is_of_something_that_daemons_tell() -> None:
    """A name that was changed would leave an empty panel."""
    asked = {
        name
        for panel in dashboard()["panels"]
        for target in panel["targets"]
        for name in re.findall(r"resqd_\w+", target["expr"])
    }
    assert len(asked) > 12
    assert asked - exposed() == set()


def test_panels_do_not_overlap() -> None:
    """Each has a number and a place of its own."""
    panels = dashboard()["panels"]
    cells = [
        (x, y)
        for each in panels
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({each["id"] for each in panels}) == len(panels)
