"""A Django project as `startproject` makes it, with what the manual adds, run by its own manage.py."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.daemon import Daemon
from tests.support.manual import examples

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "resqd" / "contrib" / "README.md"

_MODELS = """
from django.db import models


class Order(models.Model):
    customer = models.CharField(max_length=100)
"""
_URLS = """
from django.contrib import admin
from django.urls import path

from orders.views import buy

urlpatterns = [path("admin/", admin.site.urls), path("buy", buy)]
"""


class Project:
    """The project "shop" with the app "orders", its database made, in a folder of its own."""

    def __init__(self, folder: Path, redis_url: str, **environ: str) -> None:
        self.folder = folder
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environ = {**os.environ, "PYTHONPATH": path, "REDIS_URL": redis_url, **environ}
        self.environ.pop("DJANGO_SETTINGS_MODULE", None)
        folder.mkdir(parents=True, exist_ok=True)
        self._run("-m", "django", "startproject", "shop", str(folder))
        self.write("orders/__init__.py", "")
        self.write("orders/models.py", _MODELS)
        self.write("shop/urls.py", _URLS)
        for name, code in examples(MANUAL).items():
            if name.startswith(("shop/", "orders/")):
                self.add(name, code)
        self.manage("migrate", "--run-syncdb", "-v0")

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

    def get(self, url: str) -> str:
        """What the project answers to a GET request."""
        return self.shell(
            "from django.test import Client\n"
            f"print('answered', Client(SERVER_NAME='localhost').get({url!r}).content.decode())"
        )

    def daemon(self, *flags: str, cwd: Path | None = None) -> Daemon:
        """`manage.py resqd start`, to be entered."""
        command = [sys.executable, str(self.folder / "manage.py"), "resqd", "start"]
        return Daemon(
            *flags, folder=self.folder, environ=self.environ, cwd=cwd or self.folder, command=command
        )

    def _run(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd or self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
