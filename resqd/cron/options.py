"""What may be said of an entry, as keywords, for type checkers."""

from __future__ import annotations

from typing import Literal, TypedDict


class GivenRecurrence(TypedDict, total=False):
    """The options of `App.cron` and `Job.every`.

    `name` (default: the job's) tells entries apart, `queue` is another queue than the job's. `misfire` says what
    becomes of times that were missed by more than a minute: "once" (default) runs the job once for all of them, "all"
    for each (up to 100), "skip" for none.
    """

    name: str | None
    queue: str | None
    misfire: Literal["once", "all", "skip"]
