"""What `app.job(...)` with options returns, for type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.job import Job

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class HasPerform(Protocol[P, R_co]):
    """A class with a static method `perform`."""

    @staticmethod
    def perform(*args: P.args, **kwargs: P.kwargs) -> R_co:
        """Do the job's work."""


class Registrar(Protocol):
    """A decorator for a function or a class."""

    @overload
    def __call__(self, target: HasPerform[P, R], /) -> Job[P, R]: ...
    @overload
    def __call__(self, target: Callable[P, R], /) -> Job[P, R]: ...
