"""From the priorities of Django's tasks to resqd's queues, which daemons serve in the order that they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ImproperlyConfigured

from resqd import queue_specs
from resqd.contrib.django.conf import configuration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_PRIORITIES: Final = {1: "{queue}_high", 0: "{queue}", -100: "{queue}_low"}


@dataclass(frozen=True, slots=True)
class Priorities:
    """Which queue a priority means: the form of the highest number that is not above it, or of the lowest one."""

    forms: tuple[tuple[int, str], ...]
    """Numbers, the highest first, each with a name in which {queue} stands for the task's queue."""

    @classmethod
    def of(cls, given: Mapping[int, str]) -> Priorities:
        """Check the option PRIORITY_QUEUES; raises ImproperlyConfigured."""
        fits = given and all(
            isinstance(number, int) and isinstance(form, str) for number, form in given.items()
        )
        if not fits:
            raise ImproperlyConfigured(
                f"PRIORITY_QUEUES is {given!r}; give queues by priority, such as {DEFAULT_PRIORITIES!r}"
            )
        return cls(tuple(sorted(given.items(), reverse=True)))

    def queue(self, name: str, priority: int) -> str:
        """The resqd queue for a task of that queue and priority."""
        form = next((form for number, form in self.forms if number <= priority), self.forms[-1][1])
        return form.replace("{queue}", name)

    def all(self, names: Iterable[str]) -> list[str]:
        """Every queue, the most urgent first."""
        return [form.replace("{queue}", name) for _, form in self.forms for name in sorted(names)]


def unserved(names: Sequence[str]) -> list[str]:
    """Those that RESQD['QUEUES'] does not name; none where it is not given, or holds globs."""
    told = configuration().daemon.get("queues")
    specs = queue_specs.queues(told) if told else ()
    if not specs or any(spec.is_glob for spec in specs):
        return []
    return [name for name in names if name not in {spec.pattern for spec in specs}]
