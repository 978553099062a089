"""The web page: `resqd.web.wsgi(app, ...)` is a WSGI application, `resqd web` serves it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resqd.web.site import wsgi

__all__ = ["wsgi"]


def __getattr__(name: str) -> Any:
    # The site needs the packages of the extra `web`; what reads Redis for it, `resqd top` too, does not (PEP 562).
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.site"), name)
    except ModuleNotFoundError as error:
        raise ImportError(f"the page needs {error.name}: pip install 'resqd[web]'") from error
