"""The form of a job's arguments in a payload, where it is another than a caller gives them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


_ONLY_BEGIN: Final = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
_BEGUN: Final = (Coroutine, AsyncGenerator, Generator, AbstractContextManager)


class Awaited:
    """Stands among arguments for a value that is not there yet, and has its own type in JSON when it comes."""

    __slots__ = ()


def is_awaited(value: object) -> bool:
    """Whether it is such a value, or one is in it."""
    if isinstance(value, list | tuple):
        return any(map(is_awaited, value))
    if isinstance(value, dict):
        return any(map(is_awaited, value.values()))
    return isinstance(value, Awaited)


class Conversion(Protocol):
    """What stands between a job's own types and JSON's; `resqd.typed` makes one."""

    def write(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As JSON's values. Errors: TypeError."""

    def read(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As the job's own types. Errors: PayloadError."""


class Arguments(Protocol):
    """How arguments are converted: `App(arguments=resqd.typed)`."""

    def conversion(self, name: str, perform: Callable[..., Any], /) -> Conversion:
        """What converts the arguments of a job. Errors: JobDefinitionError."""


def reading(code: Callable[..., Any], keywords: bool, conversion: Conversion | None) -> Callable[..., Any]:
    """What runs a payload's arguments; where it is called with keywords, as code calls code, they are that already."""

    @functools.wraps(code)
    def run(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return code(*args, **kwargs)
        named: dict[str, Any] = {}
        if keywords and args and isinstance(args[-1], dict):
            args, named = args[:-1], args[-1]
        if conversion is None:
            return code(*args, **named)
        positions, named = conversion.read(args, named)
        return code(*positions, **named)

    return run


def running(perform: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but for a decorator around what only begins when it is called: whether it runs it, the call tells."""
    code = inspect.unwrap(perform)
    if not any(kind(code) for kind in _ONLY_BEGIN):
        return perform

    @functools.wraps(perform)
    def run(*args: Any, **kwargs: Any) -> Any:
        result = perform(*args, **kwargs)
        if isinstance(result, _BEGUN):
            if isinstance(result, Coroutine):
                result.close()
            raise TypeError(
                f"{code.__qualname__} was called and has not run: its decorator must run it to its end"
            )
        return result

    return run
