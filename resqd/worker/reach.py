"""What of a worker reaches beyond its own objects: threads, signals, the process's title. A rehearsal has others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resqd.threads import NamedThread, Title
from resqd.worker.signals import Signals


@dataclass(frozen=True, slots=True)
class Reach:
    """By default a process's own."""

    thread: type[NamedThread] = NamedThread
    signals: Callable[[str], Signals] = Signals
    title: Callable[[], Title] = Title
