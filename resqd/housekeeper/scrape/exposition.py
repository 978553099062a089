"""Counters, gauges and histograms as OpenMetrics text, which Prometheus and its kin read.

The format: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

BUCKETS: tuple[float, ...] = tuple(round(0.0001 * (3_600 / 0.0001) ** (i / 23), 7) for i in range(24))
"""Upper bounds in seconds: 24 of them, evenly spaced on a logarithmic scale from 0.1 ms to an hour."""

Labels = Mapping[str, str]


@dataclass(slots=True)
class Histogram:
    """How many times fell below each bound; `times` that were not kept count like those that were."""

    buckets: list[float] = field(default_factory=lambda: [0.0] * (len(BUCKETS) + 1))
    total: float = 0.0
    """The sum, in seconds."""

    def add(self, times: Sequence[float], count: int) -> None:
        """Count `count` times, in seconds, of which `times` is a sample."""
        if not times:
            return
        weight = count / len(times)
        for each in times:
            self.buckets[bisect_left(BUCKETS, each)] += weight
        self.total += sum(times) * weight

    @property
    def count(self) -> int:
        """How many there were."""
        return round(sum(self.buckets))


@dataclass(frozen=True, slots=True)
class Sample:
    """One value: what stands behind the family's name, its labels, and the number."""

    suffix: str
    labels: Labels
    value: float


def histogram_samples(histogram: Histogram, labels: Labels) -> list[Sample]:
    """The samples of a histogram: cumulative buckets, their number, and the sum."""
    samples, seen = [], 0.0
    for bound, count in zip((*map(_number, BUCKETS), "+Inf"), histogram.buckets, strict=True):
        seen += count
        samples.append(Sample("_bucket", {**labels, "le": bound}, round(seen)))
    return [*samples, Sample("_count", labels, round(seen)), Sample("_sum", labels, histogram.total)]


def family(name: str, kind: str, about: str, samples: Iterable[Sample], *, unit: str = "") -> str:
    """One family with its description; nothing where it has no samples."""
    lines = [f"{name}{each.suffix}{_labels(each.labels)} {_number(each.value)}" for each in samples]
    if not lines:
        return ""
    head = [f"# TYPE {name} {kind}", *([f"# UNIT {name} {unit}"] if unit else []), f"# HELP {name} {about}"]
    return "\n".join([*head, *lines, ""])


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
