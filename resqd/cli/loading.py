"""Importing the application that `--app MODULE:ATTR` names."""

from __future__ import annotations

import _thread
import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

from resqd import events
from resqd.app import App
from resqd.application.parts import parts_of
from resqd.errors import AppLoadError

_RESQD: Final = str(Path(__file__).parents[1])
_GREEN: Final = frozenset({"gevent", "eventlet"})


def load_app(application: str) -> App:
    """Import the module and take the App out of it, with the modules that it names for its jobs.

    Errors: AppLoadError, in one line with the place of the fault.
    """
    module_name, _, attribute = application.partition(":")
    look_here()
    module = _imported(module_name)
    app = _attribute(module, attribute or "app")
    if not isinstance(app, App):
        found = "has no attribute" if app is None else f"has a {type(app).__name__}, not an App, as"
        raise AppLoadError(f"{module_name} {found} {attribute or 'app'!r}: {_remedy(module)}")
    parts_of(app).catalog.modules.load(_imported_for_jobs)
    return app


def look_here() -> None:
    """Let modules beside us be found, as `python -m` does."""
    if (here := _here()) and here not in sys.path:
        sys.path.insert(0, here)


def refuse_empty(app: App, application: str) -> None:
    """Raise AppLoadError where there is no job, saying what was looked at: a daemon could only fail what it takes."""
    catalog = parts_of(app).catalog
    if not catalog.jobs:
        looked_at = [application.partition(":")[0], *catalog.modules.looked_at]
        places = ", ".join(f"{name} ({_file(name)})" for name in dict.fromkeys(looked_at))
        raise AppLoadError(f"{application} has no job; looked at {places}: {catalog.modules.remedy}")


def _file(module_name: str) -> str:
    return getattr(sys.modules.get(module_name), "__file__", None) or "no file"


def _imported(module_name: str) -> ModuleType:
    """Errors: AppLoadError; ModuleNotFoundError never leaves here."""
    try:
        return _imported_for_jobs(module_name)
    except ModuleNotFoundError as error:
        missing = error.name
        where = _here() or "the folder that this was started in, which is gone,"
        raise AppLoadError(
            f"cannot import {module_name}: there is no module {missing} in {where} nor on Python's path"
            " (see PYTHONPATH)"
        ) from error


def _imported_for_jobs(module_name: str) -> ModuleType:
    """Errors: AppLoadError; ModuleNotFoundError where the module is not there, or none of its packages."""
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        if _is_missing(error, module_name):
            raise
        events.Cli.import_failed(module=module_name)
        raise AppLoadError(f"cannot import {module_name}: {_said(error)}") from error
    except SystemExit as error:
        raise AppLoadError(f"cannot import {module_name}: it called sys.exit({error.code!r})") from error


def _here() -> str:
    """The current folder; empty where somebody has deleted it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _attribute(module: ModuleType, path: str) -> object:
    found: object = module
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _remedy(module: ModuleType) -> str:
    """What could have been meant: the module's own Apps."""
    apps = sorted(name for name, value in vars(module).items() if isinstance(value, App))
    if not apps:
        return "it holds no App at all; write `app = resqd.App()` in it"
    return "give " + " or ".join(f"--app {module.__name__}:{name}" for name in apps)


def refuse_green_threads(application: str) -> None:
    """Raise AppLoadError where the import has put green threads in the place of real ones, which workers need.

    One that waits for its turn could not be interrupted, and one that computes would stop the fetcher as well.
    """
    library = getattr(_thread.start_new_thread, "__module__", "").partition(".")[0]
    if library in _GREEN:
        raise AppLoadError(
            f"{application.partition(':')[0]} replaces threads by those of {library}: workers need real ones, so let it"
            " be patched only in programs that enqueue"
        )


def warn_of_leftovers() -> None:
    """Name the threads that the import left alive: they do not exist in forked workers."""
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if names:
        events.App.threads_left_alive(threads=", ".join(names))


def _is_missing(error: Exception, module_name: str) -> bool:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return bool(missing) and f"{module_name}.".startswith(f"{missing}.")


def _said(error: Exception) -> str:
    """The error in one line, with the place in the application's code: its file and line."""
    if isinstance(error, SyntaxError) and error.filename:
        return _line(error, error.msg, f"{error.filename}:{error.lineno}")
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)
    ]
    return _line(error, error, f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "")


def _line(error: Exception, text: object, place: str) -> str:
    return " ".join(f"{type(error).__name__}: {text}".split()) + (f" ({place})" if place else "")


def _is_machinery(file: str) -> bool:
    """Whether it is Python's own importing, or resqd: what registers a job is not where the job is wrong."""
    return file.startswith(("<frozen ", f"{_RESQD}/")) or file == importlib.__file__
