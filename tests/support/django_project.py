"""A Django project as `startproject` makes it, with what the manual adds, run by its own manage.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import django

from tests.support.daemon import Daemon
from tests.support.manual import examples

ROOT = Path(__file__).parents[2]
TASKS = "django.tasks" if django.VERSION >= (6,) else "django_tasks"
"""Where tasks come from; before Django 6 from a package of their own."""
MANUAL = ROOT / "resqd" / "contrib" / "README.md"

_MODELS = """
from django.db import models


class Order(models.Model):
    customer = models.CharField(max_length=100)
"""
_URLS = """
from django.contrib import admin
from django.urls import path

from orders.views import buy, thanks

urlpatterns = [path("admin/", admin.site.urls), path("buy", buy), path("thanks", thanks)]
"""


class Project:
    """The project "shop" with the app "orders", its database made, in a folder of its own."""

    def __init__(self, folder: Path, redis_url: str, *, python: str | None = None) -> None:
        """`python` is one that has resqd installed; without it the tests' own runs the checkout."""
        self.folder = folder
        self._python = python
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        path = path if python is None else ""
        self.environ = {**os.environ, "PYTHONPATH": path, "REDIS_URL": redis_url}
        self.environ.pop("DJANGO_SETTINGS_MODULE", None)

    @classmethod
    def create(
        cls, folder: Path, redis_url: str = "redis://127.0.0.1:1", *, python: str | None = None
    ) -> Project:
        """Make a new one, which others may be copied from."""
        project = cls(folder, redis_url, python=python)
        folder.mkdir(parents=True)
        project._run("-m", "django", "startproject", "shop", str(folder))
        project.write("orders/__init__.py", "")
        project.write("orders/models.py", _MODELS)
        project.write("shop/urls.py", _URLS)
        for name, code in examples(MANUAL).items():
            if name.startswith(("shop/", "orders/")):
                project.add(name, code.replace("django.tasks", TASKS) if name == "orders/tasks.py" else code)
        if TASKS == "django_tasks":
            project.add("shop/settings.py", 'INSTALLED_APPS += ["django_tasks"]\n')
        project.manage("migrate", "--run-syncdb", "-v0")
        return project

    def copy(self, folder: Path, redis_url: str) -> Project:
        """Another one like this, with a Redis."""
        shutil.copytree(self.folder, folder)
        return Project(folder, redis_url)

    def write(self, path: str, code: str) -> None:
        """Make a file anew."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(code)

    def add(self, path: str, code: str) -> None:
        """Append to a file."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as file:
            file.write(f"\n{code}")

    def configure(self, **keys: Any) -> None:
        """Add keys to RESQD."""
        self.add("shop/settings.py", f"RESQD |= {keys!r}\n")

    def manage(self, *words: str, cwd: Path | None = None, status: int | None = 0) -> str:
        """Run manage.py; what it printed. Its exit status must be this one, unless that is None."""
        done = self._run(str(self.folder / "manage.py"), *words, cwd=cwd)
        said = done.stdout + done.stderr
        assert status is None or done.returncode == status, f"{words}: {done.returncode}\n{said}"
        return said

    def shell(self, code: str) -> str:
        """Run code in the project, as a web process would; what it printed."""
        return self.manage("shell", "-c", code)

    def get(self, *urls: str, user: str | None = None) -> list[str]:
        """What the project answers to GET requests, of somebody who is logged in if a name is given: "200 text"."""
        login = f"client.force_login(User.objects.get(username={user!r}))" if user else ""
        said = self.shell(
            "import json\n"
            "from django.contrib.auth.models import User\n"
            "from django.test import Client\n"
            f"client = Client(SERVER_NAME='localhost')\n{login}\n"
            f"answers = [client.get(url) for url in {urls!r}]\n"
            "print('answered', json.dumps([f'{one.status_code} {one.content.decode()}' for one in answers]))"
        )
        answers: list[str] = json.loads(said.partition("answered ")[2].partition("\n")[0])
        return answers

    def daemon(self, *flags: str, cwd: Path | None = None) -> Daemon:
        """`manage.py resqd start`, to be entered."""
        command = [self._python or sys.executable, str(self.folder / "manage.py"), "resqd", "start"]
        return Daemon(
            *flags, folder=self.folder, environ=self.environ, cwd=cwd or self.folder, command=command
        )

    def _run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._python or sys.executable, *words],
            cwd=cwd or self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
