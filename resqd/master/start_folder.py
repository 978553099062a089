"""The folder that a daemon was started in, by the name that it had for whoever started it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartFolder:
    """`real` is where we stand, without symbolic links; `name` is what led there at the start.

    Deploys put each release into a folder of its own and point a link at the newest: a reload must
    follow the link, since the folder itself holds the old code for ever, or is gone.
    """

    real: str
    name: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> StartFolder:
        """The current folder; its name is $PWD where that leads to it, as every shell sees to."""
        try:
            real = os.getcwd()
        except FileNotFoundError:
            return cls("", environ.get("PWD", ""))
        name = environ.get("PWD", "")
        try:
            leads_here = name.startswith("/") and os.path.samestat(os.stat(name), os.stat("."))
        except OSError:
            leads_here = False
        return cls(real, name if leads_here else real)

    def missing(self) -> str | None:
        """Why a program cannot be started there now; None where it can."""
        try:
            os.close(os.open(self.name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError as error:
            return (
                f"cannot enter {self.name or 'the folder that it was started in'}: {error.strerror}; "
                "restart the daemon where the code is"
            )
        return None

    def command(self, words: Sequence[str]) -> list[str]:
        """A command, its program and that one's script by the folder's name, such as those of an environment in it."""
        return [*map(self._followed, words[:2]), *words[2:]]

    def _followed(self, path: str) -> str:
        if self.real and path.startswith(f"{self.real}/"):
            by_name = self.name + path.removeprefix(self.real)
            return by_name if os.path.exists(by_name) else path
        return path
