"""What a container gives a daemon: PID 1, a root that cannot be written to, no HOME, and one folder of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
_READ_ONLY = 'mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"'


def inside(folder: Path, *command: str) -> list[str]:
    """The command that runs another one there; only `folder` can be written to."""
    return [*_NAMESPACE, "sh", "-c", _READ_ONLY, str(folder), *command]


def why_not(folder: Path) -> str:
    """Why no such thing can be made on this machine; nothing where it can."""
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    tried = subprocess.run(inside(folder, "true"), capture_output=True, text=True, check=False, timeout=30)
    return f"no read-only root can be made: {tried.stderr.strip()}" if tried.returncode else ""
