"""The app "resqd_outbox": its table, and who moves its rows."""

from __future__ import annotations

from django.apps import AppConfig

from resqd.application.outbox import TABLE
from resqd.application.parts import parts_of
from resqd.contrib.django.application import OnCommit, the_app


class OutboxConfig(AppConfig):  # type: ignore[misc] # Django ships no type information
    """`INSTALLED_APPS += ["resqd.contrib.django.outbox"]`."""

    name = "resqd.contrib.django.outbox"
    label = TABLE
    verbose_name = "resqd's outbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Give the App its outbox."""
        from resqd.contrib.django.outbox.table import Table  # noqa: PLC0415 - models are known from now on

        parts, table = parts_of(the_app()), Table()
        parts.outboxes.append(table)
        if isinstance(parts.producer, OnCommit):
            parts.producer.outbox = table
