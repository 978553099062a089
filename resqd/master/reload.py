"""Reloading in place: the new code is tried, then this process execs itself in the folder where it was started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from resqd import events
from resqd.clock import Clock
from resqd.master.commands.server import Request
from resqd.master.handover import FORMAT, FORMAT_VARIABLE, VARIABLE, Estate
from resqd.master.signals import HANDLED
from resqd.master.systemd import Notifier

if TYPE_CHECKING:
    import subprocess


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


LOOK_EVERY = 0.05
"""Seconds between two looks at the trial."""


class Busy(Protocol):
    """Something that an exec would cut off."""

    @property
    def busy(self) -> bool:
        """Whether it is under way."""


class Reload:
    """At the most one reload at a time. `trial` is the command that imports the application and exits 0.

    The exec waits while any of `unfinished` is busy, such as the kill of a job or a client that waits for its answer.
    """

    def __init__(
        self,
        *,
        trial: Sequence[str],
        folder: StartFolder,
        timeout: float,
        notifier: Notifier,
        estate: Estate,
        unfinished: Sequence[Busy],
        clock: Clock,
    ) -> None:
        self._trial = trial
        self._folder = folder
        self._timeout = timeout
        self._notifier = notifier
        self._estate = estate
        self._unfinished = unfinished
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._asked: Request | None = None
        self._until = 0.0

    def begin(self, asked: Request | None) -> None:
        """Start the trial; `asked` waits for the outcome. A second wish while one is under way is refused."""
        under_way = "a reload is under way already" if self._process else None
        if (why := under_way or self._refusal() or self._folder.missing()) is not None:
            events.Master.not_reloaded(why=why)
            _answer(asked, why)
            return
        events.Master.reload_tried(folder=self._folder.name)
        self._notifier.reloading()
        self._asked = asked
        self._until = self._clock() + self._timeout
        import subprocess  # noqa: PLC0415 - 0.7 MB, with locale, that each child would carry

        try:
            self._output = open(os.memfd_create("resqd-trial"), "w+b")  # noqa: SIM115 - it lives as long as the trial
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                self._folder.command(self._trial),
                cwd=self._folder.name,
                env=self._environ(FORMAT_VARIABLE, FORMAT),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            self._refuse(f"cannot start a process: {error.strerror}")

    def _refusal(self) -> str | None:
        """Why there can be no reload now."""
        fleet = self._estate.fleet
        return f"the daemon is {fleet.intent.value}" if fleet.leaving else None

    def _busy(self) -> bool:
        return any(each.busy for each in self._unfinished)

    def _environ(self, variable: str, value: int) -> dict[str, str]:
        return os.environ | {"PWD": self._folder.name, variable: str(value)}

    def descriptors(self) -> list[int]:
        """What a forked child must close."""
        return [self._output.fileno()] if self._output is not None else []

    def next_at(self) -> float | None:
        """When `tick` has something to do."""
        return self._clock() + LOOK_EVERY if self._process else None

    def tick(self, now: float) -> None:
        """Look at the trial; when it went well, this does not return."""
        if self._process is None:
            return
        status = self._process.poll()
        if status is None and now >= self._until:
            self._process.kill()
            self._process.wait()
            self._refuse(f"the new code was not imported within {self._timeout:g} s")
        elif status == 0:
            self._go()
        elif status is not None:
            self._refuse(self._last_line() or f"the trial exited with status {status}")

    def _last_line(self) -> str:
        if self._output is None:
            return ""
        self._output.seek(0)
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _refuse(self, why: str) -> None:
        events.Master.reload_failed(why=why)
        self._process = None
        if self._output is not None:
            self._output.close()
            self._output = None
        self._notifier.ready()
        _answer(self._asked, why)

    def _go(self) -> None:
        """Exec, unless the daemon has begun to leave meanwhile; a little later where something is under way."""
        if (why := self._refusal()) is not None:
            self._refuse(why)
        elif not self._busy():
            try:
                self._exec()
            except OSError as error:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
                self._notifier.bridged()
                self._refuse(f"cannot exec in {self._folder.name}: {error.strerror}")

    def _exec(self) -> None:
        events.Master.reloading()
        handover = self._estate.hand_over()
        # Until the next program's handlers stand, a signal must wait: by default it would end the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        if self._busy():  # a signal came just before: it is carried out first
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
            os.close(handover)
            return
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.chdir(self._folder.name)
            self._notifier.bridge(self._timeout)
            if self._asked is not None:
                self._asked.reply({"ok": True, "pid": os.getpid()})
            program = self._folder.command([sys.executable, *sys.orig_argv[1:]])
            os.execve(program[0], program, self._environ(VARIABLE, handover))  # noqa: S606 - this very program
        except OSError:
            os.fchdir(here)
            os.close(handover)
            raise
        finally:
            os.close(here)


def _answer(asked: Request | None, why: str) -> None:
    if asked is not None:
        asked.reply({"ok": False, "error": why})
