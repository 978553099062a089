"""The real daemon under test: `resqd start` as a process of its own, watched from outside."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.processes import alive, title, tree
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]


class Daemon:
    """`resqd start` with an environment of its own, its output in a file, all that it forked accounted for.

    `flags` are those of the command line; `environ` is laid over the test's environment. `stdout` is a
    descriptor that takes the place of the file. `cwd` is where it is started, by default where the tests are.
    `command` is what starts it, by default `python -m resqd start`.
    """

    def __init__(
        self,
        *flags: str,
        folder: Path,
        environ: dict[str, str] | None = None,
        stdout: int | None = None,
        cwd: Path | None = None,
        command: list[str] | None = None,
    ) -> None:
        self._cwd = cwd
        self._command = command or [sys.executable, "-m", "resqd", "start"]
        self._flags = flags
        self._environ = environ or {}
        self._stdout = stdout
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, psutil.Process] = {}
        self.log = folder / "daemon.log"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The master's process; it must have been started."""
        assert self._process is not None, "the daemon was not started"
        return self._process

    @property
    def pid(self) -> int:
        """The master's pid."""
        return self.process.pid

    def start(self) -> Self:
        """Start it and return at once; wait for a line or a state."""
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **self._environ}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *self._flags],
                stdin=subprocess.DEVNULL,
                stdout=log if self._stdout is None else self._stdout,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=self._cwd,
                start_new_session=True,
            )
        return self

    def output(self) -> str:
        """Everything that it wrote so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_line(self, pattern: str, seconds: float = 10.0) -> re.Match[str]:
        """The first match of the pattern in its output; fails with the output's end where none comes."""
        try:
            return wait_for(
                lambda: re.search(pattern, self.output(), re.MULTILINE),
                seconds,
                what=f"{pattern!r} in the output",
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()[-4000:]}") from None

    def tree(self) -> list[psutil.Process]:
        """The master and all its living descendants, remembered for `expect_gone`."""
        found = tree(self.pid)
        self._seen |= {one.pid: one for one in found}
        return found

    def titled(self, word: str) -> list[psutil.Process]:
        """Its processes whose title holds the word, such as "worker" or "housekeeper"."""
        return [one for one in self.tree() if word in title(one)]

    def send(self, number: signal.Signals) -> None:
        """Signal the master."""
        self.tree()
        self.process.send_signal(number)

    def wait(self, seconds: float = 10.0) -> int:
        """Wait until the master has ended; returns its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon did not end\n{self.output()[-4000:]}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Signal the master, wait for its end and that of its whole tree; returns its exit status."""
        self.send(number)
        status = self.wait(seconds)
        self.expect_gone()
        return status

    def expect_gone(self, seconds: float = 5.0) -> None:
        """Every process that was ever seen in its tree has ended."""
        left: list[psutil.Process] = []

        def gone() -> bool:
            left[:] = [one for one in self._seen.values() if one.is_running() and alive(one.pid)]
            return not left

        wait_for(gone, seconds, what=f"the daemon's processes ended; log: {self.output()[-2000:]}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind, however the test ended."""
        if self._process is None:
            return
        self.tree()
        for one in self._seen.values():
            if one.is_running():
                one.kill()
        self.process.wait(10)
