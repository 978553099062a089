"""Running measures: each several times while its share of the budget lasts, at least once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate

from redis import RedisError

from resqd.errors import ResqdError
from tests.bench.arithmetic import Figure
from tests.bench.bench import Bench, LostJobsError
from tests.bench.results import Results
from tests.bench.table import Measure

PROBLEMS = (AssertionError, LostJobsError, OSError, RedisError, ResqdError)
"""What a measure may raise when the daemon does not do what it must."""


def run(bench: Bench, measures: Sequence[Measure], results: Results, say: Callable[[str], None]) -> None:
    """Run the measures one after another; time that one leaves over goes to those that follow."""
    began, budget = time.monotonic(), bench.scale.budget
    shares = list(accumulate(measure.weight for measure in measures))
    for measure, share in zip(measures, shares, strict=True):
        say(measure.name)
        _repeat(bench, measure, results, until=began + budget * share / shares[-1])


def _repeat(bench: Bench, measure: Measure, results: Results, until: float) -> None:
    values = defaultdict[str, list[float]](list)
    for _ in range(bench.scale.runs):
        began = time.monotonic()
        try:
            for name, value in measure.run(bench).items():
                values[name].append(value)
        except ValueError as error:
            results.notes[measure.name] = f"one run left out: {error}"
        except PROBLEMS as error:
            results.problems[measure.name] = f"{type(error).__name__}: {error}"
            break
        now = time.monotonic()
        if values and now + (now - began) > until:
            break  # another one would take the time of those that follow
    results.figures |= {name: Figure.of(found) for name, found in values.items()}
    if not values:
        results.problems.setdefault(measure.name, results.notes.get(measure.name, ""))
