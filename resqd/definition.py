"""What a function or class must be like to run as a job: its code, its hooks' names, and its arguments' positions."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from resqd.errors import JobDefinitionError, PayloadError
from resqd.forms import reading, running
from resqd.store.resque import encoding
from resqd.text import lookalikes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from resqd.forms import Arguments, Conversion

JOB_HOOKS: Final = (
    "before_enqueue",
    "after_enqueue",
    "before_dequeue",
    "after_dequeue",
    "before_perform",
    "around_perform",
    "after_perform",
    "on_failure",
    "on_retry",
    "on_discard",
)
"""The kinds of job hooks; a class job's hook starts its name with one of them: before_perform_log."""

DEFAULT_QUEUE: Final = "default"
MAIN: Final = "__main__"
"""The name of the module that runs as the program."""
_LOOKALIKE: Final = 0.8
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Definition:
    """A job's code: `target` was registered, `perform` runs a payload's arguments, which are `least` to `most`.

    `loose`: a decorator stands before the code that takes whatever comes, and may leave out or add arguments.
    `code` is what a caller calls. It is `perform`, unless there is a `conversion`, or a payload ends with an object
    of what has a name and no position (`keywords`).
    """

    target: Any
    code: Callable[..., Any]
    perform: Callable[..., Any]
    is_class: bool
    signature: inspect.Signature
    least: int
    most: float
    loose: bool
    keywords: bool
    conversion: Conversion | None
    is_async: bool

    @classmethod
    def of(cls, target: Any, *, ruby: bool = True, arguments: Arguments | None = None) -> Definition:
        """Check a function or class; raises JobDefinitionError, saying why, where it cannot be a job.

        `ruby`: Ruby programs may read and write it, so it has positions only.
        """
        perform = _perform_of(target)
        own = inspect.signature(perform, follow_wrapped=False)
        loose = perform is not inspect.unwrap(perform) and _takes_anything(own)
        signature = inspect.signature(perform) if loose else own
        _check_code(target.__qualname__, perform)
        if not loose:
            _check_parameters(target.__qualname__, own, ruby=ruby, written=arguments is not None)
        conversion = arguments.conversion(target.__qualname__, perform) if arguments else None
        kinds = {item.kind for item in signature.parameters.values()}
        keywords = not ruby and bool(kinds & {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD})
        is_async = inspect.iscoroutinefunction(perform)
        code = perform if is_async else running(perform)
        positions = [item for item in signature.parameters.values() if item.kind in _POSITIONAL]
        open_ended = any(item.kind is item.VAR_POSITIONAL for item in signature.parameters.values())
        return cls(
            target=target,
            code=code,
            perform=reading(code, keywords, conversion) if keywords or conversion else code,
            is_class=inspect.isclass(target),
            signature=signature,
            least=sum(item.default is item.empty for item in positions),
            most=float("inf") if open_ended else len(positions),
            loose=loose,
            keywords=keywords,
            conversion=conversion,
            is_async=is_async,
        )

    @property
    def formed(self) -> bool:
        """Whether a payload's arguments are others than the caller's."""
        return self.keywords or self.conversion is not None

    def _form(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The payload's arguments for a call. Errors: TypeError."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.target.__qualname__}: {error}") from None
        positions, named = list(bound.args), dict(bound.kwargs)
        if not self.keywords:
            positions, named = self._positions(args, dict(kwargs)), {}
        if self.conversion is not None:
            positions, named = self.conversion.write(positions, named)
        return [*positions, named] if self.keywords else positions

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The call's arguments as positions, with the defaults that a later one needs; raises TypeError."""
        return self._form(args, kwargs) if self.formed else self._positions(args, kwargs)

    def _positions(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        if not kwargs:
            return list(self._checked(args))
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
        """The payload's arguments for `args`; raises TypeError where they are too few or too many."""
        return self._form(args, {}) if self.formed else self._checked(args)

    def _checked(self, args: Sequence[Any]) -> Sequence[Any]:
        if (self.least <= len(args) <= self.most or self.loose) and not isinstance(args, str | bytes):
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
        return [self._form(args, {}) for args in rows] if self.formed else rows

    def is_again(self, other: Definition) -> bool:
        """Whether both are of one place in one file, read once as the program and once as an imported module."""
        twice = MAIN in {self.target.__module__, other.target.__module__}
        return twice and self.target.__module__ != other.target.__module__ and self._place() == other._place()

    def _place(self) -> tuple[str, int, str]:
        code = getattr(inspect.unwrap(self.perform), "__code__", None)  # a callable object has none
        place = (os.path.realpath(code.co_filename), code.co_firstlineno) if code else ("", 0)
        return *place, self.target.__qualname__

    def name_and_queue(self, name: str | None, queue: str | None) -> tuple[str, str]:
        """What the job is called and where it waits, by default as its code says; raises JobDefinitionError for blanks.

        Its name is then `module.qualname`, and its queue the class's attribute `queue`, else "default".
        """
        name = self._default_name() if name is None else name
        if queue is None:
            queue = getattr(self.target, "queue", None) if self.is_class else None
        queue = DEFAULT_QUEUE if queue is None else queue
        for what, text in (("name", name), ("queue", queue)):
            if not (isinstance(text, str) and text.strip()):
                raise JobDefinitionError(f"{self.target.__qualname__}: {text!r} is no {what} for a job")
        if "," in queue:
            raise JobDefinitionError(
                f"{self.target.__qualname__}: a job has one queue, and {queue!r} has a comma, which QUEUES reads as the"
                " end of a name"
            )
        if len(queue.split()) > 1:
            raise JobDefinitionError(
                f"{self.target.__qualname__}: a job has one queue, and {queue!r} has a space, which QUEUES refuses;"
                f" write {'_'.join(queue.split())!r}"
            )
        return name, queue

    def _default_name(self) -> str:
        """`module.qualname`, with the real name of a module that runs as `__main__`."""
        if "<lambda>" in self.target.__qualname__:
            raise JobDefinitionError("a lambda has no name of its own; give one: app.job(name=...)")
        return f"{_module_name(self.target.__module__)}.{self.target.__qualname__}"

    def hooks(self) -> Iterator[tuple[str, Callable[..., Any]]]:
        """A class job's hooks with their kinds, sorted by name; raises JobDefinitionError for a misspelt one."""
        for name in sorted(dir(self.target)) if self.is_class else ():
            if name.startswith("_"):
                continue
            kind = _kind_of(name)
            if kind is not None:
                yield kind, getattr(self.target, name)
            elif callable(getattr(self.target, name)):
                _refuse_misspelt(self.target.__qualname__, name)


def _kind_of(name: str) -> str | None:
    """The kind of hook that a method's name says: a kind itself, or one with `_` and a suffix; else None."""
    return next((kind for kind in JOB_HOOKS if name == kind or name.startswith(kind + "_")), None)


def _refuse_misspelt(owner: str, name: str) -> None:
    """Raise JobDefinitionError where `name` looks like a hook's but is none, such as befor_perform."""
    head = "_".join(name.split("_")[:2])
    close = lookalikes(head, JOB_HOOKS, most=1, alike=_LOOKALIKE)
    if close:
        raise JobDefinitionError(f"{owner}.{name} looks like a hook but is none; did you mean {close[0]}?")


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


def _takes_anything(signature: inspect.Signature) -> bool:
    kinds = [item.kind for item in signature.parameters.values()]
    return kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]


def _check_code(name: str, perform: Callable[..., Any]) -> None:
    if inspect.isgeneratorfunction(perform) or inspect.isasyncgenfunction(perform):
        raise JobDefinitionError(f"{name} is a generator; calling it as a job would do nothing")


def _check_parameters(name: str, signature: inspect.Signature, *, ruby: bool, written: bool) -> None:
    for item in signature.parameters.values():
        if item.kind is item.KEYWORD_ONLY and ruby:
            raise JobDefinitionError(
                f"{name}: {item.name} is keyword-only, but a payload holds positions only; where no Ruby program reads"
                " or writes this job, say ruby=False"
            )
        if item.default is not item.empty and not written:
            _check_default(name, item)


def _check_default(name: str, item: inspect.Parameter) -> None:
    try:
        encoding.encode(name, [item.default], id=None)
    except PayloadError as error:
        raise JobDefinitionError(
            f"{name}: the default of {item.name} cannot be written as JSON: {error}"
        ) from None


def _module_name(module: str) -> str:
    if module != MAIN:
        return module
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name).removesuffix(".__main__")
    path = getattr(main, "__file__", None)
    return Path(path).stem if path else module


def _shown(args: object) -> str:
    text = repr(args)
    return text if len(text) <= 80 else text[:77] + "..."
