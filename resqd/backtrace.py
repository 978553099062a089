"""A failure's backtrace as lines, in Ruby's form, without resqd's own frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from resqd.store.failures import describe

if TYPE_CHECKING:
    from types import TracebackType

_OURS: Final = f"{Path(__file__).parent}/"
_KEPT: Final = 50
"""Frames kept at each end of a long backtrace, such as that of an endless recursion."""
_MAX_CAUSES: Final = 10


def backtrace_of(error: BaseException) -> list[str]:
    """FILE:LINE:in `NAME', innermost first as in Ruby; then each cause with its own frames."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < _MAX_CAUSES:
        if seen:
            name, text = describe(current)
            lines.append(f"caused by {name}: {text[:200]}")
        lines += _frames(current.__traceback__)
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return lines


def _frames(trace: TracebackType | None) -> list[str]:
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(_OURS):
            lines.append(f"{code.co_filename}:{trace.tb_lineno}:in `{code.co_name}'")
        trace = trace.tb_next
    lines.reverse()
    if len(lines) <= 2 * _KEPT:
        return lines
    return [*lines[:_KEPT], f"... {len(lines) - 2 * _KEPT} more ...", *lines[-_KEPT:]]
