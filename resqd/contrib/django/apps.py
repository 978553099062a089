"""Django's side: the app "resqd", which finds the jobs of all installed apps when the project starts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.module_loading import import_string, module_has_submodule

from resqd.application.modules import JOBS
from resqd.application.parts import parts_of
from resqd.contrib.django.application import the_app

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType


class ResqdConfig(AppConfig):  # type: ignore[misc] # Django ships no type information
    """`INSTALLED_APPS += ["resqd.contrib.django"]`."""

    name = "resqd.contrib.django"
    label = "resqd"
    verbose_name = "resqd"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Make the App and import what may register jobs with it."""
        app = the_app()
        modules = parts_of(app).catalog.modules
        modules.looked_at += [module.__name__ for module in autodiscover(JOBS)]
        modules.remedy = "write `@app.job` above a function in the module `jobs` of an installed app"
        if _names_our_backend(getattr(settings, "TASKS", {})):
            tasks = import_module(f"{self.name}.tasks")  # only where the project has Django's tasks
            tasks.adopt(app)
            for module in autodiscover("tasks"):
                tasks.register_tasks_of(module)


def _names_our_backend(backends: Mapping[str, Any]) -> bool:
    """Whether one of TASKS is the backend here, or made of it."""
    classes = [import_string(params["BACKEND"]) for params in backends.values()]
    ours = f"{ResqdConfig.name}.tasks"
    return any(base.__module__ == ours for one in classes for base in getattr(one, "__mro__", ()))


def autodiscover(name: str) -> list[ModuleType]:
    """Import that module of each installed app which has one; what goes wrong in there is raised, with a note."""
    return [
        _import(config, name)
        for config in apps.get_app_configs()
        if config.module.__name__ != ResqdConfig.name and module_has_submodule(config.module, name)
    ]


def _import(config: Any, name: str) -> ModuleType:
    path = f"{config.name}.{name}"
    try:
        return import_module(path)
    except Exception as error:
        error.add_note(f"resqd was importing {path}, since INSTALLED_APPS holds {config.name!r}")
        raise
