"""The picture: throughput against threads, workers, queue depth and number of queues, as SVG written by hand."""

from __future__ import annotations

import math
from html import escape

from tests.bench.arithmetic import Figure
from tests.bench.results import Results

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 36, 44
_INK, _FAINT, _LINE = "#24292f", "#d0d7de", "#0969da"
_PANELS = (
    ("threads", "threads in each of 2 workers"),
    ("workers", "workers with 8 threads"),
    ("depth", "jobs queued"),
    ("queues", "queues"),
)


def svg(results: Results) -> str:
    """Four panels with one scale: medians joined by a line, a bar from the least to the greatest value."""
    series = [(label, points(results, name)) for name, label in _PANELS]
    top = _ceiling([figure.high for _, known in series for figure in known.values()])
    panels = [_panel(at, label, known, top) for at, (label, known) in enumerate(series)]
    size = f'width="{2 * _WIDTH}" height="{2 * _HEIGHT}" viewBox="0 0 {2 * _WIDTH} {2 * _HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, background, *panels, "</svg>", ""])


def points(results: Results, name: str) -> dict[int, Figure]:
    """The figures of one panel, by threads, workers, depth or queues."""
    prefix = f"{name}="
    known = {
        int(key.removeprefix(prefix)): figure
        for key, figure in results.figures.items()
        if key.startswith(prefix)
    }
    return dict(sorted(known.items()))


def _ceiling(values: list[float]) -> float:
    """The least of 1, 2, 4, 8 and 10 times a power of ten that no value exceeds."""
    highest = max(values, default=1.0)
    power = 10.0 ** math.floor(math.log10(highest)) if highest > 0 else 1.0
    return next(step * power for step in (1, 2, 4, 8, 10) if step * power >= highest)


def _panel(at: int, label: str, known: dict[int, Figure], top: float) -> str:
    x0, y0 = at % 2 * _WIDTH, at // 2 * _HEIGHT
    parts = [f'<g transform="translate({x0} {y0})">', _text(_LEFT, 20, f"jobs/s by {label}", weight="bold")]
    parts += [_grid(top, quarter / 4) for quarter in range(5)]
    places = [(_across(value, known), figure) for value, figure in known.items()]
    for (x, figure), value in zip(places, known, strict=True):
        parts += [_bar(x, figure, top), _text(x, _HEIGHT - _BOTTOM + 18, f"{value:,}", anchor="middle")]
    line = " ".join(f"{x:.1f},{_down(figure.median, top):.1f}" for x, figure in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    return "\n".join([*parts, "</g>"])


def _across(value: int, known: dict[int, Figure]) -> float:
    """Where a value stands on the axis, which is logarithmic."""
    low, high = math.log(min(known)), math.log(max(known))
    share = (math.log(value) - low) / (high - low) if high > low else 0.5
    inner = _WIDTH - _LEFT - _RIGHT - 40
    return _LEFT + 20 + share * inner


def _down(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _grid(top: float, share: float) -> str:
    y = _down(top * share, top)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_FAINT}"/>'
    return line + _text(_LEFT - 8, y + 4, f"{top * share:,.0f}", anchor="end")


def _bar(x: float, figure: Figure, top: float) -> str:
    low, middle, high = (_down(value, top) for value in (figure.low, figure.median, figure.high))
    bar = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{_LINE}" stroke-opacity="0.5"/>'
    return f'{bar}<circle cx="{x:.1f}" cy="{middle:.1f}" r="3.5" fill="{_LINE}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{_INK}">{escape(text)}</text>'
