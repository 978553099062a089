"""What a daemon imports: all of its processes carry it, and every fork copies its page tables."""

import subprocess
import sys

HEAVY = {
    "redis",
    "asyncio",
    "psutil",
    "rich",
    "difflib",
    "tempfile",
    "shutil",
    "zipfile",
    "importlib.resources",
    "subprocess",
    "locale",
    "lzma",
    "resqd.resque_scheduler",
}
"""Each is a tenth of a megabyte or more that jobs without special wishes never use."""


def test_a_daemon_imports_nothing_heavy_that_plain_jobs_do_not_use() -> None:
    """All that it has before it loads the application."""
    code = f"import sys, resqd.cli.boot; print({HEAVY} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
