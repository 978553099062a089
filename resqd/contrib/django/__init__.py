"""Django and resqd: add "resqd.contrib.django" to INSTALLED_APPS, and write jobs with `app` from here.

A project that makes an App of its own, elsewhere and without settings, calls `install(app)` instead.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resqd.contrib.django.connections import (
    around_job,
    clean_connections,
    close_connections,
    forget_inherited_connections,
    install,
)

if TYPE_CHECKING:
    from resqd.contrib.django.application import App, Job

    app: App

__all__ = [
    "App",
    "Job",
    "app",
    "around_job",
    "clean_connections",
    "close_connections",
    "forget_inherited_connections",
    "install",
]


def __getattr__(name: str) -> Any:
    # The project's App needs its settings, which may not be there yet when this package is imported.
    if name not in {"App", "Job", "app"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    application = import_module("resqd.contrib.django.application")
    return application.the_app() if name == "app" else getattr(application, name)
