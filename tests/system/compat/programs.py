"""The real Ruby programs as these tests find them: the Files.com fork of Resque, and stock Resque.

`RESQUE_FORK_LIB` and `RESQUE_STOCK_LIB` name the `lib` folders of their sources. Where one is not set, whatever
`ruby -rresque` loads (RUBYLIB, then gems) is asked which of the two it is. Nothing is installed or fetched.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psutil
import pytest

from tests.support.processes import tree

FORK, STOCK = "fork", "stock"

_VARIABLES = {FORK: "RESQUE_FORK_LIB", STOCK: "RESQUE_STOCK_LIB"}
_WHICH = "print defined?(Resque::WorkerManager) ? 'fork' : 'stock'"
_SECONDS = 60.0

_PREAMBLE = """
require 'json'
$stdout.sync = true
SERVER = {path: ENV.fetch('TEST_SOCKET'), db: ENV.fetch('TEST_DB').to_i}
Resque.redis = Redis::Namespace.new(:resque, redis: Redis.new(**SERVER))
class Ruby
  @queue = :ruby
  def self.perform(*args); Redis.new(**SERVER).rpush('ran:ruby', args.to_json); end
end
class Archive < Ruby; @queue = :mail; end
class Broken; @queue = :ruby; def self.perform(*); raise 'no'; end; end
"""

_PAGES = """
require 'resque/server'
require 'rack/test'
Resque::Server.set(:environment, :test)
Resque::Server.set(:raise_errors, true)
BROWSER = Rack::Test::Session.new(Resque::Server)
def page(path, method = :get)
  BROWSER.send(method, path)
  raise "#{path}: #{BROWSER.last_response.status}" unless [200, 302].include?(BROWSER.last_response.status)
  BROWSER.last_response.body
end
"""


@dataclass(frozen=True)
class Program:
    """One of the two; `rubylib` is the RUBYLIB with which `ruby -rresque` loads it."""

    name: str
    rubylib: str

    @property
    def is_fork(self) -> bool:
        return self.name == FORK


def find(name: str, *libraries: str) -> Program:
    """The program of that name, able to load the libraries; skips the test where this machine has it not.

    One that a variable points to must be there: the test fails where it cannot be loaded or is the other one.
    """
    variable = _VARIABLES[name]
    folder = os.environ.get(variable)
    rubylib = os.pathsep.join(filter(None, [folder, os.environ.get("RUBYLIB")]))
    found, error = _loaded(rubylib, *libraries)
    if found == name:
        return Program(name, rubylib)
    wanted = " ".join(f"-r{library}" for library in libraries)
    reason = f"`ruby {wanted}` fails: {error}" if error else f"`ruby -rresque` is the {found} Resque"
    if folder:
        pytest.fail(f"{variable} is {folder}, but {reason}")
    pytest.skip(f"the {name} Resque is not here ({variable} is not set): {reason}")


def find_plugin(name: str, library: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> Program:
    """The program of that name with a plugin, whose `lib` folder the variable names where it is no gem.

    Skips the test where this machine has either not; fails where the variable is set all the same.
    """
    folder = os.environ.get(variable)
    if folder:
        monkeypatch.setenv("RUBYLIB", os.pathsep.join(filter(None, [folder, os.environ.get("RUBYLIB")])))
    program = find(name, "resque")
    _, error = _loaded(program.rubylib, "resque", library)
    if error and folder:
        pytest.fail(f"{variable} is {folder}, but `ruby -rresque -r{library}` fails: {error}")
    if error:
        pytest.skip(f"{library} is not here ({variable} is not set): {error}")
    return program


@functools.cache
def _loaded(rubylib: str, *libraries: str) -> tuple[str, str]:
    """Which program Ruby loads together with the libraries, or why it loads none."""
    if shutil.which("ruby") is None:
        return "", "there is no ruby on the PATH"
    command = ["ruby", "-W0", *(f"-r{library}" for library in libraries), "-e", _WHICH]
    environ = {**os.environ, "RUBYLIB": rubylib}
    tried = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    if tried.returncode != 0:
        said = (tried.stderr.strip().splitlines() or [f"status {tried.returncode}"])[0]
        return "", said.rpartition("': ")[2]
    return tried.stdout, ""


class Ruby:
    """Runs programs of one of the two on the test's database."""

    def __init__(self, program: Program, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        place = {"TEST_SOCKET": unquote(parts.path), "TEST_DB": parse_qs(parts.query)["db"][0]}
        self._environ = {**os.environ, **place, "RUBYLIB": program.rubylib}
        self._folder = folder
        self.program = program

    def __call__(self, code: str, **environ: str) -> Any:
        """What the code's last line prints, as JSON; fails with Ruby's own error where it raises."""
        done = subprocess.run(
            self._command(code),
            env={**self._environ, **environ},
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr[:3000]}"
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def browse(self, code: str, **environ: str) -> Any:
        """The same beside the program's web pages, which `page PATH` asks for; skips where they cannot be loaded."""
        find(self.program.name, "resque", "resque/server", "rack/test")
        return self(_PAGES + code, **environ)

    @contextlib.contextmanager
    def worker(self, queue: str, **environ: str) -> Iterator[None]:
        """A worker on the queue, which is told at the end to finish its job and leave, and must.

        The body has to wait for something that the worker did: before that it may not know the signal yet.
        """
        code = f"Resque::Worker.new('{queue}').work(0.05)"
        with self.running(code, JOBS_PER_FORK="100", **environ) as process:
            yield
            self.end(process, signal.SIGQUIT)

    @contextlib.contextmanager
    def running(self, code: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program that runs until the end of the body, when it is killed with all that it has started."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                self._command(code),
                env={**self._environ, **environ},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            for one in tree(process.pid):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait(10)

    def end(self, process: subprocess.Popen[bytes], by: signal.Signals) -> None:
        """Tell a program to leave; it must, with status 0."""
        process.send_signal(by)
        assert process.wait(10) == 0, self._log.read_text(errors="replace")[-3000:]

    @property
    def _log(self) -> Path:
        return self._folder / "ruby.log"

    @staticmethod
    def _command(code: str) -> list[str]:
        return ["ruby", "-W0", "-rresque", "-e", _PREAMBLE + code]
