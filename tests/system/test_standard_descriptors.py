"""Descriptors 0, 1 and 2 that whoever starts resqd left closed."""

import os
import subprocess
import sys

_REPORT = """
import os, sys
from resqd.__main__ import resqd

class Opening:
    def find_spec(self, name, path=None, target=None):
        if name == "ctypes":
            os.open(sys.executable, os.O_RDONLY)

sys.meta_path.insert(0, Opening())
number = int(sys.argv.pop())
sys.argv.append("version")
try:
    resqd()
finally:
    os.write(number, b" ".join(os.readlink(f"/proc/self/fd/{fd}").encode() for fd in (0, 1, 2)))
"""
"""`Opening` does what some releases of libffi do when they are loaded: they keep a file of theirs open."""


def test_closed_standard_descriptors_become_the_null_device() -> None:
    """A program that is started with 0, 1 and 2 closed opens nothing there, and no library that it loads does."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as said:
        command = ["sh", "-c", 'exec "$0" -c "$1" "$2" <&- >&- 2>&-', sys.executable, _REPORT, str(writing)]
        status = subprocess.run(command, pass_fds=[writing], check=False, timeout=30).returncode
        os.close(writing)
        assert (status, said.read().decode()) == (0, "/dev/null /dev/null /dev/null")
