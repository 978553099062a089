"""An environment of the peers' own, made once, below .venv of the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.peers.systems import PEERS, Peer

_FOLDER = Path(__file__).parents[3] / ".venv" / "peers"
_VERSIONS = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"


def prepared() -> Path:
    """The folder of the environment's programs; OSError where pip cannot install."""
    programs = _FOLDER / "bin"
    packages = dict.fromkeys(peer.requirement for peer in PEERS if not peer.is_ruby)
    wanted = "\n".join(["redis>=5", "setuptools", "taskiq-redis>=1,<2", *packages])
    mark = _FOLDER / ".installed"
    if mark.exists() and mark.read_text() == wanted:
        return programs
    pip = [str(programs / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    for step in ([sys.executable, "-m", "venv", "--clear", str(_FOLDER)], [*pip, *wanted.split("\n")]):
        if subprocess.run(step, check=False).returncode != 0:
            raise OSError(f"cannot install the peers: {' '.join(step)} failed")
    mark.write_text(wanted)
    return programs


def present(peer: Peer) -> bool:
    """Whether a program in Ruby is where `ruby` finds it; those in Python are installed."""
    return not peer.is_ruby or bool(_ruby_version(peer))


def _ruby_version(peer: Peer) -> str:
    constant = peer.package.capitalize()
    program = ["ruby", f"-r{peer.package}", "-e", f"print({constant}::VERSION)"]
    try:
        said = subprocess.run(program, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


def versions() -> str:
    """What is installed, as `package version` with commas; nothing where it is not."""
    names = list(dict.fromkeys(peer.package for peer in PEERS if not peer.is_ruby))
    said = subprocess.run(
        [str(_FOLDER / "bin" / "python"), "-c", _VERSIONS, *names],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.split()
    found = [f"{name} {version}" for name, version in zip(names, said, strict=False)]
    ruby = [(peer.package, _ruby_version(peer)) for peer in PEERS if peer.is_ruby]
    return ", ".join([*found, *(f"{name} {version}" for name, version in ruby if version)])
