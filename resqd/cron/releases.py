"""Releases of an application, which have an order."""

from __future__ import annotations

import re

from resqd.errors import JobDefinitionError


def release_text(release: object) -> str:
    """How a release is written down. Errors: JobDefinitionError for what has no order."""
    text = "" if release is None else str(release)
    if isinstance(release, bool) or not re.fullmatch(r"(\d{1,18}(\.\d{1,18}){0,15})?", text, re.ASCII):
        raise JobDefinitionError(
            f"release is {release!r}; give a number that grows with each release, such as 42 or '2026.11.3'"
        )
    return text


def release_order(text: str) -> tuple[int, ...]:
    """Releases in their order; none is the lowest."""
    try:
        return tuple(int(part) for part in text.split(".")) if text else ()
    except ValueError:
        return ()
