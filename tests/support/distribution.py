"""resqd as people get it: the sdist and the wheel, built from a copy, and installed into a fresh environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SHIPPED = ("resqd", "systemd", "pyproject.toml", "README.md", "LICENSE")


def registry_answers(folder: Path) -> bool:
    """Whether pip can get packages on this machine."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "click"]
    return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode == 0


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel that is built from it."""
    source = folder / "source"
    source.mkdir()
    for name in _SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    _run([sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(source)], folder)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return sdist, wheel


class Environment:
    """A virtual environment with nothing in it but what is installed here; no checkout is on its path."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        _run([sys.executable, "-m", "venv", str(folder)], folder.parent)

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.bin / "python")

    def environ(self) -> dict[str, str]:
        """What a user's shell has, with the environment activated."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(self.bin.parent), "PYTHONPATH": ""}

    def install(self, *requirements: str) -> None:
        """Install packages as users do."""
        _run([self.python, "-m", "pip", "install", "-q", *requirements], self.bin)

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs; the standard input is empty."""
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=cwd,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def _run(command: list[str], folder: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
