"""What an error reply of the server means for us."""

from __future__ import annotations

import re

from resqd.errors import Fenced, StoreError, StoreRefused, StoreUnavailable

_LATER = {
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "UNBLOCKED",
}
_REFUSED = {"DENIED", "NOAUTH", "NOPERM", "WRONGPASS"}
_LATER_TEXTS = ("max number of clients",)
_REFUSED_TEXTS = (
    "ACL failure in script",
    "can't run this command",
    "called without any password configured",
    "DB index is out of range",
    "invalid DB index",
    "unknown command",
)
_INNER_CODE = re.compile(r"-([A-Z]+) ")  # Redis 6.2 wraps what a script's command answered
_PAYLOAD_LIMIT = 300


class ServerError(Exception):
    """An error reply; `code` is its first word and `text` the whole line."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.text = line.splitlines()[0][:_PAYLOAD_LIMIT] if line else "an empty error"
        self.code = self.text.partition(" ")[0]


def judge(error: ServerError) -> StoreError:
    """The error to raise for a reply: try later, needs a person, fenced, or plainly wrong."""
    inner = _INNER_CODE.search(error.text)
    codes = {error.code, inner.group(1) if inner else ""}
    if error.code == "FENCED":
        return Fenced("Redis says that recovery took this incarnation's jobs")
    if codes & _REFUSED or any(text in error.text for text in _REFUSED_TEXTS):
        return StoreRefused(f"Redis refuses us: {error.text}")
    if codes & _LATER or any(text in error.text for text in _LATER_TEXTS):
        return StoreUnavailable(f"Redis cannot answer now: {error.text}")
    return StoreError(f"Redis answered: {error.text}")
