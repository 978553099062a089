"""`App(arguments=resqd.typed)`: arguments as their annotations say, written as JSON that Ruby can read.

A UUID, a datetime or a Decimal travels as text, an Enum as its value, a dataclass as an object, a set as a list.
Values are checked at both ends. A job that takes what cannot travel is refused where it is registered.
"""

from __future__ import annotations

import inspect
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, get_type_hints

from resqd.errors import JobDefinitionError, PayloadError
from resqd.forms import is_awaited

try:
    import msgspec
    import msgspec.inspect
except ImportError as error:
    raise ImportError("resqd.typed needs msgspec: pip install 'resqd[typed]'") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class Conversion:
    """The arguments of one job, from Python's values to JSON's and back."""

    def __init__(self, name: str, parameters: Mapping[str, tuple[Any, Any]]) -> None:
        self._name = name
        self._named = {parameter: hint for parameter, (hint, _) in parameters.items()}
        kinds = {kind: hint for hint, kind in parameters.values()}
        self._positions = [
            (parameter, hint)
            for parameter, (hint, kind) in parameters.items()
            if kind in {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        ]
        self._rest = kinds.get(inspect.Parameter.VAR_POSITIONAL, Any)
        self._others = kinds.get(inspect.Parameter.VAR_KEYWORD, Any)

    def write(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As JSON's values. Errors: TypeError, naming the parameter."""
        return self._each(_written, args, named, TypeError)

    def read(self, args: Sequence[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """As the job's own types. Errors: PayloadError, naming the parameter."""
        return self._each(_read, args, named, PayloadError)

    def _each(
        self,
        convert: Callable[[Any, Any], Any],
        args: Sequence[Any],
        named: Mapping[str, Any],
        failure: type[Exception],
    ) -> tuple[list[Any], dict[str, Any]]:
        parameter = ""
        converted: list[Any] = []
        others: dict[str, Any] = {}
        try:
            for index, value in enumerate(args):
                known = index < len(self._positions)
                parameter, hint = self._positions[index] if known else (f"argument {index + 1}", self._rest)
                converted.append(convert(value, hint))
            for parameter, value in named.items():
                others[parameter] = convert(value, self._named.get(parameter, self._others))
        except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
            raise failure(f"{self._name}: {parameter} does not fit: {error}") from None
        return converted, others


def conversion(name: str, perform: Callable[..., Any]) -> Conversion:
    """What converts the arguments of a job. Errors: JobDefinitionError, naming the parameter."""
    try:
        hints = get_type_hints(perform)
    except (NameError, TypeError) as error:
        raise JobDefinitionError(f"{name}: its annotations cannot be read: {error}") from None
    parameters = {
        parameter.name: (hints.get(parameter.name, Any), parameter.kind)
        for parameter in inspect.signature(perform).parameters.values()
    }
    for parameter, (hint, _) in parameters.items():
        try:
            strange = [*_strange(msgspec.inspect.type_info(hint), set())]
        except TypeError as error:
            raise JobDefinitionError(f"{name}: {parameter} cannot travel: {error}") from None
        if strange:
            raise JobDefinitionError(
                f"{name}: {parameter} is {strange[0].__qualname__}, which JSON cannot hold; give its id or a dataclass"
            )
    return Conversion(name, parameters)


def _strange(info: object, seen: set[int]) -> Iterator[type]:
    """The classes in an annotation that nothing can write."""
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.CustomType) and not issubclass(info.cls, PurePath):
        yield info.cls
    parts = info if isinstance(info, tuple) else [getattr(info, name) for name in _fields(info)]
    for part in parts:
        yield from _strange(part, seen)


def _fields(info: object) -> tuple[str, ...]:
    return getattr(info, "__struct_fields__", ()) if isinstance(info, msgspec.Struct) else ()


def _written(value: Any, hint: Any) -> Any:
    if is_awaited(value):
        return value  # what comes in its place is JSON's already, and is converted when it is read
    written = msgspec.to_builtins(value, str_keys=True, enc_hook=_as_text)
    _read(written, hint)
    return written


def _read(value: Any, hint: Any) -> Any:
    return msgspec.convert(value, hint, str_keys=True, dec_hook=_from_text)


def _as_text(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot travel as JSON")


def _from_text(kind: type, value: Any) -> Any:
    if issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
