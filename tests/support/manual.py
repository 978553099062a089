"""The manual's examples as files: a block of Python belongs to the path that stands in a line of its own above it."""

import re
from pathlib import Path

_BLOCK = re.compile(r"^`(?P<path>[\w./]+)`\n\n```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(manual: Path) -> dict[str, str]:
    """The code of each file that the manual shows; of one that it shows in pieces, all of them in their order."""
    files: dict[str, str] = {}
    for found in _BLOCK.finditer(manual.read_text("utf-8")):
        files[found["path"]] = "\n\n".join(filter(None, [files.get(found["path"]), found["code"]]))
    return files


def commands(manual: Path) -> list[str]:
    """Each line that the manual says to type, as it stands there."""
    return [line.strip() for line in manual.read_text("utf-8").splitlines() if line.startswith("    python ")]
