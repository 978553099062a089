"""Django in the tests' own process, with two databases on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django
import pytest
from django.conf import settings
from django.db import connections

from tests.support.django_project import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALIASES = ("default", "other")


@pytest.fixture(scope="session")
def _django() -> None:
    settings.configure(
        DATABASES={alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": "later"} for alias in ALIASES},
        INSTALLED_APPS=["resqd.contrib.django", *([] if TASKS == "django.tasks" else [TASKS])],
        TASKS={
            "default": {
                "BACKEND": "resqd.contrib.django.tasks.ResqdBackend",
                "QUEUES": ["default", "mail"],
            },
            "immediate": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"},
        },
        USE_TZ=True,
        TIME_ZONE="Europe/Berlin",
        LANGUAGE_CODE="de",
    )
    django.setup()


@pytest.fixture
def databases(_django: None, tmp_path: Path) -> Iterator[None]:
    """Both databases, new, each with a table `done` of one column `value`."""
    for alias in ALIASES:
        connections[alias].settings_dict["NAME"] = str(tmp_path / f"{alias}.sqlite")
        with connections[alias].cursor() as cursor:
            cursor.execute("CREATE TABLE done (value INTEGER)")
    yield
    connections.close_all()
