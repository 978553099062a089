"""What a function or class must be like to run as a job, and how a call's arguments become positions."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import JobDefinitionError, PayloadError
from resqd.store import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Definition:
    """A job's code: `target` was registered, `perform` runs, with `least` to `most` arguments."""

    target: Any
    perform: Callable[..., Any]
    is_class: bool
    signature: inspect.Signature
    least: int
    most: float

    @classmethod
    def of(cls, target: Any) -> Definition:
        """Check a function or class; raises JobDefinitionError, saying why, where it cannot be a job."""
        perform = _perform_of(target)
        signature = _signature(target, perform)
        positions = [item for item in signature.parameters.values() if item.kind in _POSITIONAL]
        open_ended = any(item.kind is item.VAR_POSITIONAL for item in signature.parameters.values())
        return cls(
            target=target,
            perform=perform,
            is_class=inspect.isclass(target),
            signature=signature,
            least=sum(item.default is item.empty for item in positions),
            most=float("inf") if open_ended else len(positions),
        )

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The call's arguments as positions, with the defaults that a later one needs; raises TypeError."""
        if not kwargs:
            return list(self.check(args))
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.target.__qualname__}: {error}") from None
        given = len(bound.arguments)
        bound.apply_defaults()
        if bound.kwargs:
            names = ", ".join(sorted(bound.kwargs))
            raise TypeError(
                f"{self.target.__qualname__}: {names} has no position, and a payload holds positions only"
            )
        return (
            list(bound.args) if self.most == float("inf") else list(bound.args[: self._last(kwargs, given)])
        )

    def _last(self, kwargs: dict[str, Any], given: int) -> int:
        names = list(self.signature.parameters)
        return max(given, *(names.index(name) + 1 for name in kwargs))

    def check(self, args: Sequence[Any]) -> Sequence[Any]:
        """`args` as they are; raises TypeError where they are too few or too many."""
        if self.least <= len(args) <= self.most and not isinstance(args, str | bytes):
            return args
        raise TypeError(f"{self.target.__qualname__}{self.signature} cannot be called with {_shown(args)}")

    def rows(self, batch: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
        """The arguments of many calls, each a list or tuple; raises TypeError, naming the first that is not or not fit.

        An object or a set has a length and no order that the author can have meant.
        """
        rows = list(batch)
        for index, args in enumerate(rows):
            if not isinstance(args, list | tuple):
                kind = type(args).__name__
                raise TypeError(
                    f"{self.target.__qualname__}: item {index} of the batch is a {kind}, {_shown(args)}; each must be "
                    "a list or tuple of positional arguments"
                )
            if not self.least <= len(args) <= self.most:
                raise TypeError(
                    f"item {index} of the batch: {self.target.__qualname__}{self.signature} "
                    f"cannot be called with {_shown(args)}"
                )
        return rows

    def default_name(self) -> str:
        """`module.qualname`, with the real name of a module that runs as `__main__`."""
        if "<lambda>" in self.target.__qualname__:
            raise JobDefinitionError("a lambda has no name of its own; give one: app.job(name=...)")
        return f"{_module_name(self.target.__module__)}.{self.target.__qualname__}"


def _perform_of(target: Any) -> Callable[..., Any]:
    if inspect.isclass(target):
        static = inspect.getattr_static(target, "perform", None)
        if not isinstance(static, staticmethod | classmethod):
            raise JobDefinitionError(f"{target.__qualname__} needs a static method `perform`")
        perform: Callable[..., Any] = target.perform  # type: ignore[attr-defined] # just looked up
        return perform
    if not inspect.isfunction(target):
        raise JobDefinitionError(f"{target!r} is neither a function nor a class")
    return target


def _signature(target: Any, perform: Callable[..., Any]) -> inspect.Signature:
    name = target.__qualname__
    unwrapped = inspect.unwrap(perform)
    if inspect.iscoroutinefunction(unwrapped) or inspect.isasyncgenfunction(unwrapped):
        raise JobDefinitionError(f"{name} is async, which resqd does not run; wrap it with asyncio.run")
    if inspect.isgeneratorfunction(unwrapped):
        raise JobDefinitionError(f"{name} is a generator; calling it as a job would do nothing")
    signature = inspect.signature(perform)
    for item in signature.parameters.values():
        if item.kind is item.KEYWORD_ONLY:
            raise JobDefinitionError(
                f"{name}: {item.name} is keyword-only, but a payload holds positions only"
            )
        if item.default is not item.empty:
            _check_default(name, item)
    return signature


def _check_default(name: str, item: inspect.Parameter) -> None:
    try:
        payload.encode(name, [item.default], id=None)
    except PayloadError as error:
        raise JobDefinitionError(
            f"{name}: the default of {item.name} cannot be written as JSON: {error}"
        ) from None


def _module_name(module: str) -> str:
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    path = getattr(main, "__file__", None)
    return Path(path).stem if path else module


def _shown(args: object) -> str:
    text = repr(args)
    return text if len(text) <= 80 else text[:77] + "..."
