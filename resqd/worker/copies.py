"""A copy of a worker that a job has forked: it settles nothing, and ends with the job."""

from __future__ import annotations

import os
from typing import NoReturn

from resqd.log import flush_streams


def leave(error: BaseException | None) -> NoReturn:
    """End a copy as Python would: what it has printed is written out, and sys.exit's status is its own."""
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)
    flush_streams()
    os._exit(status)
