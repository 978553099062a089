"""No table: what the admin and its permissions know the overview of resqd by."""

from __future__ import annotations

from typing import Any

from django.db import models


class _Nothing(models.Manager):  # type: ignore[misc] # Django ships no type information
    """So that commands which look at every model, as dumpdata does, ask no database for this one."""

    def get_queryset(self) -> Any:
        """No rows."""
        return super().get_queryset().none()


class Overview(models.Model):  # type: ignore[misc] # Django ships no type information
    """The page of `resqd.contrib.django.admin`; who may see it has the permission `resqd.view_overview`."""

    objects = _Nothing()

    class Meta:
        """Known to Django, and to no database."""

        managed = False
        base_manager_name = "objects"
        default_permissions = ("view",)
        verbose_name = verbose_name_plural = "overview"
