"""Django's side: the app "resqd", which finds the jobs of all installed apps when the project starts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.utils.module_loading import module_has_submodule

from resqd.contrib.django.application import the_app


class ResqdConfig(AppConfig):  # type: ignore[misc] # Django ships no type information
    """`INSTALLED_APPS += ["resqd.contrib.django"]`."""

    name = "resqd.contrib.django"
    label = "resqd"
    verbose_name = "resqd"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Make the App and import what may register jobs with it."""
        the_app()
        autodiscover("jobs")


def autodiscover(name: str) -> None:
    """Import that module of each installed app which has one; what goes wrong in there is raised, with a note."""
    for config in apps.get_app_configs():
        if config.module.__name__ != ResqdConfig.name and module_has_submodule(config.module, name):
            _import(config, name)


def _import(config: Any, name: str) -> None:
    path = f"{config.name}.{name}"
    try:
        import_module(path)
    except Exception as error:
        error.add_note(f"resqd was importing {path}, since INSTALLED_APPS holds {config.name!r}")
        raise
