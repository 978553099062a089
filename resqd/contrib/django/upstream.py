"""Which package Django's tasks come from: `django.tasks` since 6.0, before that django-tasks."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from django.conf import settings


def _home() -> str:
    """Django's own, unless the project installs the other."""
    own = find_spec("django.tasks") is not None
    return "django.tasks" if own and "django_tasks" not in settings.INSTALLED_APPS else "django_tasks"


_HOME: Final = _home()
base: Any = import_module(f"{_HOME}.base")
signals: Any = import_module(f"{_HOME}.signals")
exceptions: Any = import_module(f"{_HOME}.exceptions")
BaseTaskBackend: Any = import_module(f"{_HOME}.backends.base").BaseTaskBackend
Status: Any = base.TaskResultStatus
