"""Runs the application's hooks around a pause on a thread of their own, so that they cannot stop the control thread."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from resqd import events
from resqd.threads import NamedThread

LAST_HOOKS = 2.0
"""Seconds that hooks which still run may take when the worker ends."""


class PauseHooks:
    """`before_pause` when the worker is told to pause, `after_pause` when the pause ends, in this order, in pairs.

    `busy` is True until the hooks are through: a worker takes no jobs before its after_pause hooks have
    run, such as one that connects to a database. `done` is called from the hooks' thread after each.
    """

    def __init__(self, *, run: Callable[[str], None], done: Callable[[], object]) -> None:
        self._run = run
        self._done = done
        self._paused = False
        self._pending: SimpleQueue[str] = SimpleQueue()
        self._begun = 0
        self._ended = 0
        self._thread: NamedThread | None = None

    @property
    def busy(self) -> bool:
        """Whether a hook runs or waits to."""
        return self._begun != self._ended

    def note(self, *, paused: bool) -> None:
        """Say what the worker is meant to do now; called by the control thread."""
        if paused == self._paused:
            return
        self._paused = paused
        if self._thread is None and not self._start():
            return
        self._begun += 1
        self._pending.put("before_pause" if paused else "after_pause")

    def _start(self) -> bool:
        thread = NamedThread(name="pause hooks", target=self._work)
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # no thread is left; the pause itself must not wait for one
            events.Worker.pause_hooks_left_out()
            return False
        self._thread = thread
        return True

    def close(self) -> None:
        """End the pause, if there is one, and wait a little for its hooks."""
        self.note(paused=False)
        if self._thread is not None:
            self._pending.put("")
            self._thread.join(LAST_HOOKS)

    def _work(self) -> None:
        while name := self._pending.get():
            try:
                self._run(name)
            except BaseException:  # noqa: BLE001 - a thread's top: a hook's SystemExit must not keep the worker paused
                events.Worker.pause_hook_failed(hook=name)
            self._ended += 1
            self._done()
