"""The admin's page: what waits, runs and has failed, and the way to `resqd web`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse

from resqd.contrib.django.application import the_app
from resqd.contrib.django.conf import configuration
from resqd.contrib.django.models import Overview
from resqd.errors import StoreError

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@admin.register(Overview)
class OverviewAdmin(admin.ModelAdmin):  # type: ignore[misc] # Django ships no type information
    """In the place of a list of records: one page, to be seen with the permission `resqd.view_overview`."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page. Where Redis does not answer it says so."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **_seen(),
            **(extra_context or {}),
            "title": "resqd",
            "web_url": configuration().web_url,
        }
        return TemplateResponse(request, "admin/resqd/overview.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - as Django calls it
        """Nothing is added here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        """Nothing is changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        """Nothing is deleted here."""
        return False


def _seen() -> dict[str, Any]:
    try:
        books = the_app().store.books
        queues = books.overview.queues()
        return {
            "queues": queues,
            "waiting": sum(queue.size or 0 for queue in queues),
            "in_flight": sum(queue.in_flight for queue in queues),
            "failed": books.failures.count(),
            "daemons": len(the_app().workers.all()),
        }
    except StoreError as error:
        return {"problem": str(error)}
