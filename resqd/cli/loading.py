"""Importing the application that `--app MODULE:ATTR` names."""

from __future__ import annotations

import _thread
import importlib
import os
import sys
import threading
import traceback
from types import ModuleType
from typing import Final

from resqd import events
from resqd.app import App
from resqd.errors import AppLoadError

_GREEN: Final = frozenset({"gevent", "eventlet"})


def load_app(application: str) -> App:
    """Import the module and take the App out of it. Errors: AppLoadError, in one line with the place of the fault."""
    module_name, _, attribute = application.partition(":")
    if (here := _here()) and here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does, so that a module beside us is found
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise AppLoadError(f"cannot import {module_name}: {_said(error, module_name)}") from error
    except SystemExit as error:
        raise AppLoadError(f"cannot import {module_name}: it called sys.exit({error.code!r})") from error
    app = _attribute(module, attribute or "app")
    if not isinstance(app, App):
        found = "has no attribute" if app is None else f"has a {type(app).__name__}, not an App, as"
        raise AppLoadError(f"{module_name} {found} {attribute or 'app'!r}: {_remedy(module)}")
    return app


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


def _said(error: Exception, module_name: str) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module_name}.".startswith(f"{missing}."):
        where = _here() or "the folder that this was started in, which is gone,"
        return f"there is no module {missing} in {where} nor on Python's path (see PYTHONPATH)"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and frame.filename != __file__
    ]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place
