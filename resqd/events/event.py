"""An event: what it is, how it is told, and who listens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

_log = logging.getLogger("resqd")

Listener = Callable[[str, Mapping[str, object]], None]
"""Takes an event's name and its facts, on the thread that emits it: it must be quick, and must not raise."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` for every event of this process from now on, whatever the log's level."""
    _listeners.append(listener)


class Event:
    """One kind of event: how urgent it is, and its words, with the facts' names as in `%(name)s`.

    `traceback`: it is emitted where an exception is handled, whose traceback goes into the log with it.
    """

    __slots__ = ("level", "name", "traceback", "words")

    def __init__(self, level: int, words: str, *, traceback: bool = False) -> None:
        self.level = level
        self.words = words
        self.traceback = traceback
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"{owner.__name__.lower()}.{name}"

    def __call__(self, *, exc: BaseException | None = None, **facts: object) -> None:
        """Emit it, with the traceback of `exc` where that is given. Words are made only where the log wants them."""
        for listener in _listeners:
            listener(self.name, facts)
        if _log.isEnabledFor(self.level):
            extra = {"event": self.name, "facts": facts}
            arguments = (facts,) if facts else ()  # logging takes an empty mapping for an argument too many
            _log.log(self.level, self.words, *arguments, extra=extra, exc_info=exc or self.traceback)
