"""The first steps of both programs, and of `python -m resqd`.

Their imports take some 0.3 s, in which Ctrl-C must end them without a traceback.
"""

from __future__ import annotations

import os
import signal
from importlib import import_module


def resqd() -> None:
    """The command `resqd`."""
    _run("resqd")


def resqctl() -> None:
    """The command `resqctl`."""
    _run("resqctl")


def _run(program: str) -> None:
    """Import the program as one that Python's own handling of Ctrl-C does not concern, then run it with that."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Before a library takes the number of one that is closed for a file of its own, as libffi may.
    import_module("resqd.log").open_standard_descriptors()
    main = import_module(f"resqd.cli.{program}").main  # only now: this import is what takes so long
    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main(prog_name=program)
    except KeyboardInterrupt:  # just before click would have taken it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    resqd()
