"""resqd web: serves the web page on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from resqd import log
from resqd.app import App
from resqd.cli import output
from resqd.cli.loading import load_app
from resqd.cli.program import NotDone, opened, setting_of, with_redis

if TYPE_CHECKING:
    from types import ModuleType


@click.command("web")
@click.option("--app", "application", metavar="MODULE:ATTR", envvar="RESQD_APP",
              help="Knows what jobs mask, and their parameters' names. [RESQD_APP]")  # fmt: skip
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:9292", show_default=True, help="Where to serve."
)
@click.option(
    "--socket",
    "path",
    metavar="PATH",
    type=output.name,
    help="Serve on a Unix socket: who can open it may come in.",
)
@click.option("--auth", "users", metavar="USER:HASH", multiple=True, envvar="RESQD_WEB_AUTH",
              help="Let in by name and password; --hash makes the hash. [RESQD_WEB_AUTH]")  # fmt: skip
@click.option(
    "--token", metavar="TEXT", envvar="RESQD_WEB_TOKEN", help="Let in by this token. [RESQD_WEB_TOKEN]"
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="A name by which browsers may call this server.",
)
@click.option("--read-only", is_flag=True, help="Show everything, change nothing.")
@click.option("--hide-arguments", is_flag=True, help="Show no arguments of any job.")
@click.option("--hash", "make_hash", is_flag=True, help="Ask for a password, print its hash, and exit.")
@with_redis
def web(
    *,
    application: str | None,
    listen: str,
    path: str | None,
    users: tuple[str, ...],
    token: str | None,
    hosts: tuple[str, ...],
    read_only: bool,
    hide_arguments: bool,
    make_hash: bool,
    **redis: str | None,
) -> None:
    """Serve the web page.

    What runs, waits and has failed on all hosts. Without --auth and --token only the address with the token
    that is printed lets in, once.
    """
    serving = _serving()
    if make_hash:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        click.echo(serving.passwords.hash_of(password))
        return
    log.configure(level="INFO", format=setting_of("log_format", None) or "text", role="web")
    place = serving.Place.of(listen, path)
    app = load_app(application) if application else App()
    with opened(**redis, app=application) as there:
        app.configure(redis_url=there.url, namespace=there.namespace, redis_shards=there.shards)
        serving.serve(
            app,
            place=place,
            users=users,
            token=token,
            hosts=hosts,
            read_only=read_only,
            hide_arguments=hide_arguments,
            secret=setting_of("secret", None),
        )


def _serving() -> ModuleType:
    try:
        from resqd.web import serving  # noqa: PLC0415 - an extra, and heavy: only this command needs it
    except ModuleNotFoundError as error:
        raise NotDone(f"the page needs {error.name}: pip install 'resqd[web]'") from None
    return serving
