"""Whether a daemon is ready for work, by its own status: what `resqctl ping --ready` answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OK = "ok"


def why_not(status: Mapping[str, Any]) -> str:
    """The reason in a few words, as /readyz has it; empty for a daemon that would run a job now."""
    state, redis = status["state"], status["housekeeper"]["redis"]
    if state != "running":
        return f"the daemon is {state}"
    if not any(worker["booted"] for worker in status["workers"]):
        return "no worker is up"
    return "" if redis == _OK else f"Redis: {redis}"
