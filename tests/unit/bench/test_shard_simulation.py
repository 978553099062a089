"""What idle hosts cost each of many shards, by the simulation that tests/bench/README.md quotes."""

import pytest

from tests.bench import shard_simulation
from tests.bench.shard_simulation import Costs, table


def test_each_rate_has_a_line_that_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_simulation, "RATES", (6_400,))
    monkeypatch.setattr(shard_simulation, "HOSTS", 100)
    [line] = table(Costs(beat=10e-6, watch=100e-6, poll=1e-6)).splitlines()[2:]
    shares = [float(cell.strip(" %")) for cell in line.split("|")[3:8]]
    assert abs(sum(shares[:4]) - shares[4]) < 0.3
    assert shares[2] == 0.3  # 33 looks a second at 100 us each
