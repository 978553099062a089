"""The benchmark's arithmetic, its table and its picture."""

import json
import re
from xml.etree import ElementTree

import pytest

from tests.bench import plot, report
from tests.bench.arithmetic import Figure, Sample, change, drain_window, longest_standstill, percentile, slope
from tests.bench.measures.fairness import Unfairness
from tests.bench.peers.side_by_side import FORKING, PREFIX, RESQD
from tests.bench.results import Results
from tests.bench.table import MEASURES, PEERS, Row, chosen

ENVIRONMENT = {
    "resqd": "1",
    "scale": "full",
    "python": "3",
    "server": "valkey 9",
    "cores": "2",
    "processor": "x",
    "kernel": "6",
}


def results() -> Results:
    figures = {row.name: Figure(12_345.6, 1.0, 20_000.0, 5) for measure in MEASURES for row in measure.rows}
    for name, points in {
        "threads": (1, 64),
        "workers": (1, 8),
        "depth": (10_000,),
        "queues": (1, 1_000),
    }.items():
        figures |= {f"{name}={point}": Figure(1e5 + point, 1e5, 2e5, 3) for point in points}
    return Results(dict(ENVIRONMENT), figures)


def falling(*lefts: int, every: float = 1.0) -> list[Sample]:
    return [Sample(at * every, left) for at, left in enumerate(lefts)]


def test_a_figure_is_the_median_with_its_spread() -> None:
    """An even number of runs has the mean of the two in the middle; none at all is an error."""
    assert Figure.of([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0, 3)
    assert Figure.of([1.0, 2.0, 4.0, 9.0]).median == 3.0
    with pytest.raises(ValueError, match="at least one run"):
        Figure.of([])


def test_a_percentile_is_one_of_the_values() -> None:
    """99 of 100 values are no greater than the 99th; the least and the greatest stand at the ends."""
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.0) == 7.0
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 0.5)


def test_the_rate_counts_between_15_and_85_percent_only() -> None:
    """A slow start and a slow end do not count."""
    samples = falling(1000, 1000, 1000, 850, 600, 350, 150, 149, 148, 0)
    window = drain_window(samples, 1000)
    assert (window[0], window[-1]) == (Sample(3, 850), Sample(6, 150))
    assert slope(window) == pytest.approx(700 / 3)


def test_a_drain_that_was_cut_short_counts_as_far_as_it_came() -> None:
    """With too little time the window ends at the last sample."""
    assert slope(drain_window(falling(100, 85, 80, 75), 100)) == 5.0


@pytest.mark.parametrize("samples", [falling(100, 90, 86), falling(100, 0), falling(100, 80, 80)])
def test_too_few_samples_are_an_error_and_not_a_rate(samples: list[Sample]) -> None:
    """A drain that never came to 15 %, or was over between two samples, or stood still, has no rate."""
    with pytest.raises(ValueError, match="15%"):
        drain_window(samples, 100)


def test_a_standstill_is_what_samples_prove() -> None:
    """It lasts from the first to the last sample with one value; a gap between samples of different values is none."""
    assert longest_standstill(falling(9, 8, 8, 8, 7, 7, 6, every=0.01)) == pytest.approx(0.02)
    assert longest_standstill([Sample(0, 9), Sample(5, 8), Sample(6, 7)]) == 0.0


def test_a_change_is_in_percent_of_what_was_before() -> None:
    """Less is negative."""
    assert change(200, 150) == -25.0
    assert change(100, 130) == pytest.approx(30.0)


def test_unfairness_lasts_while_one_idles_and_another_has_more_than_it_runs() -> None:
    """It starts anew whenever either ends; a worker with as many jobs as threads holds none back."""
    seen = Unfairness(threads=2)
    for now, held in enumerate([[0, 2], [0, 3], [0, 9], [1, 9], [0, 5], [0, 2]]):
        seen.see(float(now), held)
    assert seen.longest == 1.0


def test_a_row_without_a_target_is_neither_met_nor_missed() -> None:
    """A target is a least or a greatest value, and the value itself meets it."""
    assert Row("a", "a", "ms").met(1) is None
    assert [Row("a", "a", "ms", most=2).met(value) for value in (1.9, 2, 2.1)] == [True, True, False]
    assert [Row("a", "a", "ms", least=2).met(value) for value in (1.9, 2, 2.1)] == [False, True, True]


def test_measures_are_chosen_by_their_own_name_or_a_rows() -> None:
    """No name means all; a wrong one is named."""
    assert chosen([]) == list(MEASURES)
    assert [one.name for one in chosen(["idle-cpu", "throughput"])] == ["throughput", "idle"]
    with pytest.raises(ValueError, match="no measure is named speed; there are"):
        chosen(["speed"])


def test_peers_are_measured_when_asked_for() -> None:
    """By a flag beside the others, or alone by name."""
    assert PEERS not in chosen([])
    assert chosen([], peers=True) == [*MEASURES, PEERS]
    assert chosen(["peers"]) == chosen(["peers"], peers=True) == [PEERS]


def test_systems_stand_side_by_side_fastest_first() -> None:
    """With the peers alone there is no empty table."""
    environment = ENVIRONMENT | {"peers": "huey 3"}
    figures = {
        "slow": Figure(10, 9, 11, 3),
        RESQD: Figure(400, 400, 400, 1),
        "fast": Figure(200, 190, 1_210, 3),
    }
    figures |= {FORKING: Figure(6, 6, 6, 1), "Resque, 2 workers": Figure(4, 4, 4, 1)}
    found = Results(environment, {PREFIX + name: figure for name, figure in figures.items()})
    assert report.markdown(found).splitlines()[2:7] == [
        f"| {RESQD} | 400 | 400 - 400 | 1 |  |",
        "| fast | 200 | 190 - 1,210 | 3 | 2.00 times |",
        "| slow | 10.0 | 9.00 - 11.0 | 3 | 40.0 times |",
        f"| {FORKING} | 6.00 | 6.00 - 6.00 | 1 |  |",
        "| Resque, 2 workers | 4.00 | 4.00 - 4.00 | 1 | 1.50 times |",
    ]
    assert report.about(found).endswith("Linux 6; huey 3")
    assert len(report.tables(found)) == 1
    assert len(report.tables(results())) == 1


def test_results_survive_json() -> None:
    """What --json writes, --from reads."""
    found = results()
    found.problems["idle"] = "no daemon"
    assert Results.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_markdown_has_a_line_for_each_row_with_target_and_spread() -> None:
    """A measure that gave nothing has lines that say so."""
    found = results()
    del found.figures["latency-p50"]
    found.problems["latency"] = "the daemon did not start"
    text = report.markdown(found)
    assert len(re.findall(r"^\|", text, re.MULTILINE)) == 2 + sum(len(measure.rows) for measure in MEASURES)
    assert "| jobs/s | >= 200,000, aim 300,000 | 12,346 | 1.00 - 20,000 | 5 | no |" in text
    assert "| ms | <= 0.4 | no result |  | 0 | no |" in text


def test_the_picture_is_xml_with_four_panels_inside_its_frame() -> None:
    """Every dot stands inside the picture; a panel with one point or none is drawn, too."""
    for found in (results(), Results(dict(ENVIRONMENT))):
        root = ElementTree.fromstring(plot.svg(found))
        width, height = float(root.attrib["width"]) / 2, float(root.attrib["height"]) / 2
        panels = [one for one in root if one.tag.endswith("}g")]
        dots = [dot for panel in panels for dot in panel if dot.tag.endswith("}circle")]
        assert len(panels) == 4
        assert len(dots) == sum(
            len(plot.points(found, name)) for name in ("threads", "workers", "depth", "queues")
        )
        assert all(
            0 < float(dot.attrib["cx"]) < width and 0 < float(dot.attrib["cy"]) < height for dot in dots
        )
