"""Importing the application that `--app MODULE:ATTR` names."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import traceback

from resqd.app import App
from resqd.errors import AppLoadError

_log = logging.getLogger(__name__)


def load_app(application: str) -> App:
    """Import the module and take the App out of it. Errors: AppLoadError, in one line with the place of the fault."""
    module_name, _, attribute = application.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does, so that a module beside us is found
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise AppLoadError(f"cannot import {module_name}: {_said(error)}") from error
    except SystemExit as error:
        raise AppLoadError(f"cannot import {module_name}: it called sys.exit({error.code!r})") from error
    app = getattr(module, attribute or "app", None)
    if not isinstance(app, App):
        found = "has no attribute" if app is None else f"has a {type(app).__name__}, not an App, as"
        raise AppLoadError(f"{module_name} {found} {attribute or 'app'!r}: write --app MODULE:ATTR")
    return app


def warn_of_leftovers() -> None:
    """Name the threads that the import left alive: they do not exist in forked workers."""
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if names:
        _log.warning(
            "the application's import left threads alive, which workers will not have: %s", ", ".join(names)
        )


def _said(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + place
