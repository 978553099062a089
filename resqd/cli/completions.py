"""The files by which shells complete both programs, as the wheel holds them: what `resqd completion SHELL` prints.

`python -m resqd.cli.completions resqd/completion` writes them anew.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from resqd.cli.manpage import PROGRAMS
from resqd.cli.output import SHELLS, completion_script

_NAMES: Final = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}
"""What each shell wants the file for a program to be called."""


def files() -> dict[str, str]:
    """Each by SHELL/FILE."""
    return {
        f"{shell}/{_NAMES[shell].format(name)}": completion_script(program, shell).rstrip() + "\n"
        for shell in SHELLS
        for name, program in PROGRAMS.items()
    }


def write(folder: Path) -> None:
    """Write all below a folder."""
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
