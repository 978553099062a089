"""A registered job: a function, or a class with a static `perform`, with its queue, options and hooks."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, Unpack

from resqd import async_hooks
from resqd.async_forms import AsyncForms
from resqd.current import as_recorded
from resqd.errors import JobDefinitionError
from resqd.hook_decorators import H, HookDecorators
from resqd.hooks import Hook, JobHooks, Judge, fails, kept
from resqd.limits import Gauge, checked
from resqd.on_loops import to_its_end
from resqd.sealing import Seal, refuse
from resqd.unique import Fingerprints, Unique
from resqd.using import NOW, Delivery, JobSender, Signature, Using, after, at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta

    from resqd.cron.options import GivenRecurrence
    from resqd.definition import Definition
    from resqd.limits import Limit
    from resqd.options import JobOptions
    from resqd.sealing import Keyring
    from resqd.store.resque.payload import Payload
    from resqd.tracing import Tracer
    from resqd.using import GivenUsing


P = ParamSpec("P")
R = TypeVar("R")

_AS_WHAT_IT_WRAPS: Final = ("__module__", "__name__", "__qualname__", "__doc__")


class Job(HookDecorators, AsyncForms[P], Generic[P, R]):
    """A function or class that runs as a job; calling it runs it here and now, as if not registered."""

    __name__: str
    __qualname__: str

    def __init__(
        self,
        definition: Definition,
        *,
        name: str,
        queue: str,
        options: JobOptions,
        sender: JobSender,
        keyring: Keyring | None = None,
    ) -> None:
        self.seal = Seal(keyring, name) if keyring is not None and options.encrypt else None
        """How its arguments and results are encrypted; None: they are not."""
        self.name = name
        self.label = name.encode("utf-8", "backslashreplace")
        self.queue = queue
        self.options = options
        self.definition = definition.target
        self.is_async = definition.is_async
        self.begun: Callable[..., Any] = definition.perform
        """What runs it; where it is async what it returns is for an event loop."""
        self.perform: Callable[P, R] = definition.perform
        if self.is_async:
            self.perform = lambda *args, **kwargs: to_its_end(definition.perform(*args, **kwargs))
        self._code: Callable[P, R] = definition.code
        self.policy = options.policy
        self.simple = options.simple and not definition.is_async and self.seal is None
        self.hooks = JobHooks(definition.hooks(), awaits=self.is_async)
        self._tracer: Tracer | None = None
        self.plain = not self.hooks.around_running
        """Whether it has no hooks around a run."""
        self.loops = self.is_async and not self.hooks.blocking
        """Whether it runs on an event loop that others share: it is async, and so is all that goes around it."""
        self.direct = self.plain
        """Whether nothing goes around its code: neither hooks nor somebody who is told."""
        self.bare = self.direct and self.simple
        """Whether a run of it is a call of its code and nothing else."""
        self.marked = options.keep_result is not None or self.seal is not None
        """Whether its payloads say something before its class."""
        self.unique = options.unique
        self.fingerprints = self._fingerprints(options.unique or Unique(), definition)
        self._definition = definition
        self.gauge = self.gauge_of(checked(options.limits)) if options.limits else None
        """Tells the gates of its calls, where it is under limits."""
        self.plain_enqueue = self._enqueues_plainly()
        self._sender = sender
        if not callable(options.mask) and (unknown := set(options.mask or ()) - set(self.parameters)):
            raise JobDefinitionError(f"mask names {', '.join(sorted(unknown))}, which {name} does not take")
        functools.update_wrapper(self, definition.target, assigned=_AS_WHAT_IT_WRAPS, updated=())

    def _fingerprints(self, unique: Unique, definition: Definition) -> Fingerprints:
        return Fingerprints(
            unique,
            name=self.name,
            signature=definition.signature,
            keywords=definition.keywords,
            secret=self._secret(),
        )

    def _secret(self) -> bytes | None:
        return None if self.seal is None else self.seal.secret

    def gauge_of(self, limits: Sequence[Limit]) -> Gauge:
        """What tells the gates of its calls where these are its limits. Errors: JobDefinitionError."""
        own = self._definition
        return Gauge(
            limits, name=self.name, signature=own.signature, keywords=own.keywords, secret=self._secret()
        )

    def opened(self, payload: Payload) -> Payload:
        """The same with its arguments in clear. Errors: Undecipherable."""
        if self.seal is not None:
            return payload._replace(args=self.seal.opened(payload.args))
        refuse(payload.marks.options if payload.marks else {}, self.name)
        return payload

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the job's code directly, without queue or hooks."""
        return self._code(*args, **kwargs)

    @property
    def parameters(self) -> list[str]:
        """The names of its parameters in their order."""
        return list(self._definition.signature.parameters)

    @property
    def keywords(self) -> bool:
        """Whether its payloads end with an object of what has a name and no position."""
        return self._definition.keywords

    def __reduce__(self) -> str:
        # By name, as functions and classes are pickled: where it is read, that module registers it as well.
        return str(self.__qualname__)

    def __repr__(self) -> str:
        return f"<Job {self.name} on {self.queue}>"

    def __getattr__(self, name: str) -> Any:
        # A class job stays usable as the class that it was.
        if name == "_definition" or not self._definition.is_class:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.definition, name)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        # A class job stays usable as a base class.
        if not self._definition.is_class:
            raise TypeError(f"{self!r} is a function; it cannot be a base class")
        return (self.definition,)

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The positional arguments for a call with `args` and `kwargs`; raises TypeError if none fit."""
        return self._definition.bind(args, kwargs)

    def as_in_payload(self, args: Sequence[Any]) -> Sequence[Any]:
        """The arguments of a call as they stand in its payload, if all of them are given; raises TypeError."""
        return self.bind(args, {}) if args and self._definition.formed else args

    def is_again(self, definition: Definition) -> bool:
        """Whether this is the same code, in a module that runs as the program and was imported besides."""
        return self._definition.is_again(definition)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Put the job on its queue; its id, or None where a hook vetoed, or it is unique and there already."""
        definition = self._definition
        bound = definition.bind(args, kwargs) if kwargs else definition.check(args)
        return self._sender.send(self, self.queue, bound)

    def _bound(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Any]:
        return self._definition.bind(args, kwargs) if kwargs else self._definition.check(args)

    def enqueue_to(self, queue: str, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Put the job on another queue than its own."""
        return self._sender.send(self, queue, self._definition.bind(args, kwargs))

    def enqueue_many(self, batch: Iterable[Sequence[Any]]) -> list[str | None]:
        """Put one job for each list or tuple of positional arguments on the queue, in order, 2,000 to a round trip.

        Raises TypeError, before any is sent, for the first item that is neither, or whose arguments do not fit.
        """
        return self._sender.send_many(self, self.queue, self._definition.rows(batch))

    def enqueue_in(self, delay: float | timedelta, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """Let the job go to its queue in `delay` seconds; its id, or None where a before_enqueue hook vetoed."""
        return self._sender.deliver(self, self._bound(args, kwargs), Delivery(when=after(delay)))

    def enqueue_at(self, moment: datetime, *args: P.args, **kwargs: P.kwargs) -> str | None:
        """The same at a moment, a datetime with a time zone. One that is over is due at once."""
        return self._sender.deliver(self, self._bound(args, kwargs), Delivery(when=at(moment)))

    def using(self, **given: Unpack[GivenUsing]) -> Using[P]:
        """The job to be enqueued otherwise than usual: `queue`, `delay` or `at`, `front`, `timeout`, `expires`."""
        return Using(self, self._definition, self._sender, NOW.with_(given))

    def signature(self, *args: P.args, **kwargs: P.kwargs) -> Signature:
        """The job with these arguments, not enqueued; short: `s`. Raises TypeError if they do not fit."""
        return Signature(self, tuple(self.bind(args, kwargs)), NOW, self._sender)

    s = signature

    def every(
        self,
        period: str | float | timedelta,
        /,
        *,
        offset: str | float | timedelta = 0,
        args: Sequence[Any] = (),
        **options: Unpack[GivenRecurrence],
    ) -> None:
        """Enqueue the job once in the whole fleet every so often: "15m", "1h30m", seconds or a timedelta.

        That is at the multiples of the period since 1970 (UTC), `offset` later. For options and errors see App.cron.
        """
        from resqd import recurring  # noqa: PLC0415 - who declares nothing does not pay for it

        recurring.by_period(self._sender, self, period, offset=offset, args=args, options=options)

    def run(
        self, args: Sequence[Any], judge: Judge = fails, keep: Callable[[Any], None] | None = None
    ) -> bool:
        """Perform with the job's hooks; False where a hook ended it quietly. Raises what the job raises.

        `judge` says what becomes of an error, and so which hooks are told of it. `keep` is told what it returns.
        """
        if self._tracer is not None:
            with self._tracer.running():
                return self._run(args, judge, keep)
        return self._run(args, judge, keep)

    async def arun(
        self, args: Sequence[Any], judge: Judge = fails, keep: Callable[[Any], None] | None = None
    ) -> bool:
        """The same for an async job on an event loop: its hooks are coroutines, see `loops`."""
        with nullcontext() if self._tracer is None else self._tracer.running():
            code: Hook = self.begun if keep is None else async_hooks.kept(self.begun, keep)
            if self.plain:
                await code(*args)
                return True
            return await self.hooks.perform_async(code, args, told=as_recorded, judge=judge)

    def _run(self, args: Sequence[Any], judge: Judge, keep: Callable[[Any], None] | None) -> bool:
        if self.plain:
            code: Hook = self.perform
            result = code(*args)
            if keep is not None:
                keep(result)
            return True
        if self.hooks.awaited:
            perform: Hook = self.begun if keep is None else async_hooks.kept(self.begun, keep)
        else:
            perform = self.perform if keep is None else kept(self.perform, keep)
        return self.hooks.perform(perform, args, told=as_recorded, judge=judge)

    def surround(self, hook: Hook) -> None:
        """Wrap each run, hooks included, in the generator `hook()`; for what an App does around all its jobs."""
        self.hooks.surround(hook)
        self._reckon()

    def trace(self, tracer: Tracer) -> None:
        """Tell somebody of each run, hooks included, and of each enqueueing."""
        self._tracer = tracer
        self._reckon()

    def _hook(self, kind: str, hook: H) -> H:
        self.hooks.add(kind, hook)
        self._reckon()
        return hook

    def _reckon(self) -> None:
        self.plain = not self.hooks.around_running
        self.loops = self.is_async and not self.hooks.blocking
        self.direct = self.plain and self._tracer is None
        self.bare = self.direct and self.simple
        self.plain_enqueue = self._enqueues_plainly()

    def _enqueues_plainly(self) -> bool:
        hooked = self.hooks.of("before_enqueue") or self.hooks.of("after_enqueue")
        return not hooked and self.unique is None and self._tracer is None
