"""The project's App for a daemon and for `resqd check`: importing this sets Django up.

`manage.py resqd start` names it as --app; so may `resqd start`, where DJANGO_SETTINGS_MODULE says which settings.
"""

from __future__ import annotations

import logging
import os

import django
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from resqd import sharding
from resqd.contrib.django.application import the_app
from resqd.contrib.django.apps import ResqdConfig


def _set_up() -> None:
    """Set Django up, unless it is; a LOGGING that disables existing loggers must not mean the daemon's."""
    if apps.ready:
        return
    manager = logging.getLogger().manager
    ours = [one for name in manager.loggerDict if (one := logging.getLogger(name)) and _is_ours(name)]
    django.setup()
    for logger in ours:
        logger.disabled = False


def _is_ours(name: str) -> bool:
    return name == "resqd" or name.startswith("resqd.")


_set_up()
if not apps.is_installed(ResqdConfig.name):
    raise ImproperlyConfigured(f"add {ResqdConfig.name!r} to INSTALLED_APPS")

app = the_app()
# What the daemon was told wins over RESQD, or its jobs would enqueue elsewhere than where it looks.
app.configure(
    redis_url=os.environ.get("REDIS_URL"),
    namespace=os.environ.get("RESQD_NAMESPACE"),
    redis_shards=sharding.urls_in(os.environ),
)
