"""The modules that hold an application's jobs: named at first, and imported when its jobs are looked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from resqd.errors import AppLoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

JOBS = "jobs"
"""The module of a package that `discover` looks for."""


class Modules:
    """The named modules, each imported once. It is nobody's lock: importing is Python's, which has one."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self.looked_at: list[str] = []
        """The modules that were imported for their jobs, in order."""
        self.remedy = 'write `@app.job` above a function, and name its module: App(modules=["orders.jobs"])'
        """What to do where they hold no job at all."""

    def name(self, modules: Iterable[str], *, because: str) -> None:
        """Have these imported when jobs are looked for; `because` is the code that wants it, for the messages."""
        self._waiting |= dict.fromkeys(modules, because)

    def load(self, imported: Callable[[str], object] = import_module) -> bool:
        """Import what is named and was not; whether there was anything.

        What a module raises goes on to the caller, with a note, and it is imported again the next time. A module
        that asks for jobs while it is imported gets those that are there. Errors: AppLoadError for a missing one.
        """
        names = dict(self._waiting)
        for name, because in names.items():
            try:
                imported(name)
            except ModuleNotFoundError as error:
                if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                    raise
                raise AppLoadError(
                    f"there is no module {error.name} on Python's path, and {because} names {name}"
                ) from error
            except Exception as error:
                error.add_note(f"resqd was importing {name}, which {because} names")
                raise
            if self._waiting.pop(name, None) is not None:
                self.looked_at.append(name)
        return bool(names)
