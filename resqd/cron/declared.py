"""The entries that an application declares in code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from resqd.cron.entry import Entry
from resqd.errors import JobDefinitionError


class Declared:
    """Entries by name, as they are declared."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Declare an entry; the same one again is fine, as a module may be imported twice."""
        known = self._entries.setdefault(entry.name, entry)
        if known != entry:
            raise JobDefinitionError(
                f"there is a cron entry named {entry.name!r} already ({known.schedule}); give one of them name=..."
            )

    def texts(self, app: str) -> dict[str, str]:
        """Their JSON by name, as that application's."""
        return {name: replace(entry, app=app).to_json() for name, entry in sorted(self._entries.items())}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __bool__(self) -> bool:
        return bool(self._entries)
