"""Which namespace each project has on a user's embedded server, so that none takes another one's jobs.

A project is the folder that its code lies in. The first that uses a server has the namespace `resque`, each further one
a namespace of its own: written down beside the server's data.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Final, NamedTuple

DEFAULT: Final = "resque"
FILE: Final = "projects"
_MARKERS: Final = (".git", "pyproject.toml", "setup.py", "setup.cfg", "manage.py", "requirements.txt")
_RESQD: Final = str(Path(__file__).parents[2]) + os.sep
_DJANGOS: Final = "resqd.contrib.django"


class Project(NamedTuple):
    """One project of the list."""

    namespace: str
    folder: Path


def folder_of_caller() -> Path | None:
    """The project of the first code that is not resqd's, of those that called; None where it lies in no file."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect's functions read sources as well
    while frame is not None and frame.f_code.co_filename.startswith(_RESQD):
        frame = frame.f_back
    return None if frame is None else folder_of_file(frame.f_code.co_filename)


def folder_of_module(name: str) -> Path | None:
    """The project of a module, which is looked for and not imported; None where it is not found."""
    if name.startswith(_DJANGOS):
        name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    try:
        spec = importlib.util.find_spec(name.partition(".")[0]) if name else None
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.origin is None:  # a package without __init__.py
        return next((top_of(Path(place).parent) for place in spec.submodule_search_locations or ()), None)
    return folder_of_file(spec.origin)


def folder_of_file(file: str) -> Path | None:
    """The project that a file of code belongs to: its package's folder, or the one above that is a project's."""
    path = Path(file)
    if not path.is_file():
        return None
    folder = path.resolve().parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return Path(sys.prefix) if {"site-packages", "dist-packages"} & {*folder.parts} else top_of(folder)


def top_of(folder: Path) -> Path:
    """The nearest folder from here upwards that is a project's by what it holds; else this one."""
    for each in (folder, *folder.parents):
        if _is_broad(each):
            break
        if any((each / marker).exists() for marker in _MARKERS):
            return each
    return folder


def claimed(state: Path, folder: Path | None) -> str:
    """The namespace of a project, which is written down if it is new. `state` is the server's folder.

    Code that lies in no file, as a prompt's, begins no project: it has what a command in the current folder has.
    """
    if folder is None:
        return found(state)
    with _opened(state / FILE, "a+", fcntl.LOCK_EX) as file:
        projects = _read(file)
        known = chosen(projects, folder)
        if known is not None or _is_broad(folder):
            return known or DEFAULT
        left = [each for each in projects if each.folder.is_dir()]
        new = Project(_free([each.namespace for each in left], folder), folder)
        file.truncate(0)
        file.write("".join(f"{each.namespace}\t{each.folder}\n" for each in [*left, new]))
        return new.namespace


def found(state: Path, folder: Path | None = None) -> str:
    """The namespace for somebody in a folder (default: the current one), who may belong to no project."""
    try:
        with _opened(state / FILE, "r", fcntl.LOCK_SH) as file:
            projects = _read(file)
    except FileNotFoundError:
        return DEFAULT
    known = chosen(projects, folder or top_of(_here())) or chosen(projects, Path(sys.prefix))
    return known or (projects[0].namespace if len(projects) == 1 else DEFAULT)


def owner(state: Path, namespace: str) -> Project | None:
    """The project that has this namespace."""
    try:
        with _opened(state / FILE, "r", fcntl.LOCK_SH) as file:
            return next((each for each in _read(file) if each.namespace == namespace), None)
    except FileNotFoundError:
        return None


def chosen(projects: Sequence[Project], folder: Path) -> str | None:
    """The namespace of the project that this one is: its folder's, or the only one that lies around it, or in it."""
    same = [each for each in projects if each.folder == folder]
    around = [
        each
        for each in projects
        if each.folder in folder.parents or (folder in each.folder.parents and not _is_broad(folder))
    ]
    names = {each.namespace for each in same or around}
    return names.pop() if len(names) == 1 else None


def _free(taken: Sequence[str], folder: Path) -> str:
    if DEFAULT not in taken:
        return DEFAULT
    stem = f"{DEFAULT}-{re.sub(r'[^a-z0-9]+', '-', folder.name.lower()).strip('-') or 'project'}"
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (stem, *numbered) if each not in taken)


def _is_broad(folder: Path) -> bool:
    """Whether so many things lie in there that it is no project."""
    temporary = [os.environ.get(name) or "/tmp" for name in ("TMPDIR", "TEMP", "TMP")]  # noqa: S108 - a name only
    homes = {Path(os.environ.get("HOME") or "/"), *map(Path, temporary)}
    return folder == Path(folder.anchor) or folder in homes


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # somebody has deleted it
        return Path("/")


@contextmanager
def _opened(path: Path, mode: str, lock: int) -> Iterator[IO[str]]:
    with path.open(mode, encoding="utf-8", errors="surrogateescape") as file:
        fcntl.flock(file, lock)
        yield file


def _read(file: IO[str]) -> list[Project]:
    file.seek(0)
    rows = [line.rstrip("\n").split("\t") for line in file]
    return [Project(row[0], Path(row[1])) for row in rows if len(row) == 2]


def is_shared(environ: Mapping[str, str]) -> bool:
    """Whether the embedded server may be shared by projects: systemd's state folder belongs to one service."""
    return not environ.get("STATE_DIRECTORY") and not environ.get("RESQD_NAMESPACE", "").strip()
