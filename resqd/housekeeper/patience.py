"""Asking the application's code on a thread of its own, so that one that hangs takes nothing from the heartbeat."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from resqd.threads import NamedThread

_log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_WITHIN = 1.0
"""Seconds that the application's code may take for an answer, while the heartbeat waits."""


class Patience(Generic[T]):
    """Asks one kind of question; owned by one thread. Whoever is stuck is asked nothing more until he is done."""

    def __init__(self, *, what: str, within: float = ANSWER_WITHIN) -> None:
        self._what = what
        self._within = within
        self._stuck: threading.Thread | None = None

    def ask(self, question: Callable[[], T], default: T) -> T:
        """The answer; the default where there is none in time, or an earlier question is still unanswered."""
        if self._stuck is not None and self._stuck.is_alive():
            return default
        answers: list[T] = []
        thread = NamedThread(name="asked", target=lambda: answers.append(question()))
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            return default
        thread.join(self._within)
        self._stuck = thread if thread.is_alive() else None
        if self._stuck is not None:
            _log.error("%s does not answer within %g s; going on without it", self._what, self._within)
        return answers[0] if answers else default
