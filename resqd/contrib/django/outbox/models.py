"""The table of jobs that were committed with their data, and are not yet in Redis."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from resqd.application.outbox import TABLE


class OutboxRow(models.Model):  # type: ignore[misc] # Django ships no type information
    """One job. Its number gives the order; its key tells it from all others, in Redis too."""

    number = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=32)
    queue = models.TextField()
    payload = models.BinaryField()
    facts = models.TextField()
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Nobody edits it."""

        db_table = TABLE
        ordering: ClassVar = ["number"]
        default_permissions = ("view",)
        verbose_name = "job in the outbox"
        verbose_name_plural = "jobs in the outbox"

    def __str__(self) -> str:
        return f"{self.number} for {self.queue}"
