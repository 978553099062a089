"""An application, its page, and a reader of it."""

import pytest

from resqd import App
from resqd.web import wsgi
from resqd.web.site import Site
from tests.support.web_client import WebClient


@pytest.fixture
def app(redis_url: str) -> App:
    """With a job that masks an argument."""
    app = App(redis_url)

    @app.job(queue="mail", name="send", mask=["address"])
    def send(address: str, subject: str = "") -> None: ...

    @app.job(queue="mail", name="total", mask=lambda one, two: [one, "…" if two > 10 else two])
    def total(one: int, two: int) -> None: ...

    return app


@pytest.fixture
def site(app: App) -> Site:
    """Open to Ada."""
    return wsgi(app, auth=lambda environ: environ.get("test.user", "ada"), hosts=["localhost"])


@pytest.fixture
def reader(site: Site) -> WebClient:
    """Ada."""
    return WebClient(site)
