"""Counters, gauges and histograms as OpenMetrics text, which Prometheus and its kin read.

The format: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resqd.store.history.histogram import BUCKETS, Histogram

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]


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
