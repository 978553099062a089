"""The decorators that give a job its hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

H = TypeVar("H", bound=Callable[..., Any])


class HookDecorators:
    """Each takes a function, adds it to those that are called then, and returns it."""

    def _hook(self, kind: str, hook: H) -> H:
        raise NotImplementedError  # the class that inherits this has it

    def before_enqueue(self, hook: H) -> H:
        """Call `hook(*args)` before the job is enqueued; False vetoes."""
        return self._hook("before_enqueue", hook)

    def after_enqueue(self, hook: H) -> H:
        """Call `hook(*args)` after the job was enqueued."""
        return self._hook("after_enqueue", hook)

    def before_dequeue(self, hook: H) -> H:
        """Call `hook(*args)` before the job is taken off its queue by `dequeue`; False vetoes."""
        return self._hook("before_dequeue", hook)

    def after_dequeue(self, hook: H) -> H:
        """Call `hook(*args)` after `dequeue`."""
        return self._hook("after_dequeue", hook)

    def before_perform(self, hook: H) -> H:
        """Call `hook(*args)` before the job runs; DontPerform ends the job quietly."""
        return self._hook("before_perform", hook)

    def around_perform(self, hook: H) -> H:
        """Wrap each run in the generator `hook(*args)`, which yields once where the job runs."""
        return self._hook("around_perform", hook)

    def after_perform(self, hook: H) -> H:
        """Call `hook(*args)` after the job ran without an error."""
        return self._hook("after_perform", hook)

    def on_failure(self, hook: H) -> H:
        """Call `hook(error, *args)` when the job failed and is not retried; DirtyExit says that it was killed, or lost.

        In that last case the housekeeper calls it, on a thread of its own.
        """
        return self._hook("on_failure", hook)

    def on_retry(self, hook: H) -> H:
        """Call `hook(error, delay, *args)` when the job failed and will be tried again in `delay` seconds.

        Then no on_failure hook is called. A snooze is told here as well, with its own error.
        """
        return self._hook("on_retry", hook)

    def on_discard(self, hook: H) -> H:
        """Call `hook(reason, *args)` when the job discarded itself, or expired and was not begun."""
        return self._hook("on_discard", hook)
