"""The door from resqd's own rooms into an App, whose public methods are for users only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resqd.app import App
    from resqd.application.catalog import Catalog
    from resqd.application.outbox import Outbox
    from resqd.application.producer import Producer


@dataclass(frozen=True, slots=True)
class Parts:
    """What an App is made of."""

    catalog: Catalog
    producer: Producer
    outboxes: list[Outbox] = field(default_factory=list)
    """Tables of the application's databases from which jobs are to go to Redis."""


def parts_of(app: App) -> Parts:
    """An App's parts."""
    return app._parts  # noqa: SLF001 - this is the door
