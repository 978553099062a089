"""The options of a job: what `app.job(...)` takes besides name and queue, checked where the job is registered.

A new option is a field in each of the two classes, and a check below; `app.job` and those made of it take both.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from resqd.errors import JobDefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class GivenOptions(TypedDict, total=False):
    """The options as keywords, for type checkers; JobOptions says what they mean."""

    on_crash: Literal["retry", "fail"] | None
    max_deliveries: int | None
    skip_failed_queue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What may differ from the daemon's settings for one job; None means as the daemon says."""

    on_crash: Literal["retry", "fail"] | None = None
    """What becomes of this job when its process dies under it."""
    max_deliveries: int | None = None
    """After how many crashes it is recorded in `failed` as DirtyExit."""
    skip_failed_queue: bool = False
    """Whether a failure is only counted, and no record kept."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> JobOptions:
        """The options of these names; raises JobDefinitionError for a name or a value that there is not."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, [*known, "name", "queue"], n=1)
                meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise JobDefinitionError(f"a job has no option {name!r}; {meant}")
        return cls(**given)

    def __post_init__(self) -> None:
        if self.on_crash not in {None, "retry", "fail"}:
            raise JobDefinitionError(f"on_crash is {self.on_crash!r}; it takes 'retry' or 'fail'")
        if self.max_deliveries is not None and self.max_deliveries < 1:
            raise JobDefinitionError(f"max_deliveries is {self.max_deliveries}; it takes 1 or more")
