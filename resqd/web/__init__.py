"""The web page: what runs, waits and has failed, and what may be done about it, as a WSGI application."""

from resqd.web.site import wsgi

__all__ = ["wsgi"]
