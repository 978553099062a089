"""What the worker needs of its process, and a job may have changed under it: open descriptors, the folder."""

from __future__ import annotations

import os
from collections.abc import Iterable


class DescriptorsLostError(OSError):
    """A job has closed descriptors of the worker's, or they stand for something else now."""


class Surroundings:
    """Remembers how things were at the worker's start."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._descriptors = {number: _identity(number) for number in descriptors}
        self._folder = _identity(".")

    def check(self) -> None:
        """Errors: DescriptorsLostError."""
        if any(_identity(number) != identity for number, identity in self._descriptors.items()):
            raise DescriptorsLostError("descriptors are closed, or stand for something else")

    @property
    def moved(self) -> bool:
        """Whether the process is in another folder now."""
        return _identity(".") != self._folder


def _identity(place: int | str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mode
