"""The benchmark gives a figure for every row, and leaves nothing; how large a figure is, is not asked here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.bench.bench import Bench
from tests.bench.place import opened
from tests.bench.report import number
from tests.bench.results import Results, environment
from tests.bench.runner import run
from tests.bench.scale import Scale
from tests.bench.table import MEASURES, Measure

_ROOT = Path(__file__).parents[2]
_TINY = Scale(
    name="tiny", budget=0.1, runs=3, jobs=0.1, drain=3, hold=0.1, depths=(50_000, 100_000), pushes=5, settle=0.1,
    idle=0.3, every_point=False,
)  # fmt: skip


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_every_row_has_a_figure(measure: Measure, redis_url: str, redis_client: redis.Redis) -> None:
    """Each measure gives all of its rows, none lost a job, and its keys are gone after it; other keys stay."""
    redis_client.set("stranger", "stays")
    with opened({"REDIS_URL": redis_url}) as place:
        results = Results(environment(place, "tiny"))
        run(Bench(place, _TINY), [measure], results, lambda _: None)
    assert not results.problems
    assert {row.name for row in measure.rows} <= set(results.figures)
    assert redis_client.keys() == [b"stranger"]


def test_the_program_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    """It measures on a server of its own, and shows the same figures again from the file that it wrote."""
    file, picture = tmp_path / "run.json", tmp_path / "run.svg"
    measured = bench("--quick", "--only", "enqueue", "--json", str(file))
    assert "enqueue_many, one process" in measured
    again = bench("--from", str(file), "--readme", "--plot", str(picture))
    figure = Results.from_json(json.loads(file.read_text())).figures["enqueue"]
    assert f"| enqueue, one process | jobs/s | >= 12,000, aim 20,000 | {number(figure.median)} |" in again
    assert picture.read_text().startswith("<svg")


def test_a_wrong_name_is_refused_before_anything_runs() -> None:
    """The names that there are, are named."""
    done = subprocess.run(program("--only", "speed"), capture_output=True, text=True, cwd=_ROOT, check=False)
    assert done.returncode == 2
    assert "no measure is named speed; there are async, bare, " in done.stderr


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench", *arguments]


def bench(*arguments: str) -> str:
    done = subprocess.run(
        program(*arguments), capture_output=True, text=True, cwd=_ROOT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
