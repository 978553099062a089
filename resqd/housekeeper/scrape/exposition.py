"""Counters, gauges and histograms as OpenMetrics text, which Prometheus and its kin read.

The format: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from resqd.store.history.histogram import BUCKETS, Histogram

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value: what stands behind the family's name, its labels, and the number."""

    suffix: str
    labels: Labels
    value: float


class HistogramLines:
    """A histogram's lines under one set of labels: cumulative buckets, their number, and the sum.

    Of a thousand classes there are 54,000 lines, whose words never change: so they are put together once, and each
    scrape fills in the numbers.
    """

    def __init__(self, name: str, labels: Labels) -> None:
        bounds = (*map(_number, BUCKETS), "+Inf")
        heads = [f"{name}_bucket{_labels({**labels, 'le': bound})}" for bound in bounds]
        heads += [f"{name}_count{_labels(labels)}", f"{name}_sum{_labels(labels)}"]
        self._lines = "".join(f"{head.replace('%', '%%')} %s\n" for head in heads)

    def text(self, histogram: Histogram) -> str:
        """The lines with the numbers of now."""
        seen = [*map(round, accumulate(histogram.buckets))]
        return self._lines % (*seen, seen[-1], _number(histogram.total))


def line_head(name: str, labels: Labels) -> str:
    """A line but for its number."""
    return f"{name}{_labels(labels)} "


def family(name: str, kind: str, about: str, samples: Iterable[Sample], *, unit: str = "") -> str:
    """One family with its description; nothing where it has no samples."""
    lines = [f"{name}{each.suffix}{_labels(each.labels)} {_number(each.value)}\n" for each in samples]
    return family_of(name, kind, about, lines, unit=unit)


def family_of(name: str, kind: str, about: str, lines: Sequence[str], *, unit: str = "") -> str:
    """The same of lines that are made already, each with its end."""
    if not lines:
        return ""
    unit_line = f"# UNIT {name} {unit}\n" if unit else ""
    head = f"# TYPE {name} {kind}\n{unit_line}# HELP {name} {about}\n"
    return "".join([head, *lines])


def document(families: Iterable[str]) -> str:
    """The whole answer."""
    return "".join([*families, "# EOF\n"])


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str) -> str:
    """A label's value as the format wants it; a lone surrogate has no bytes there."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
