"""The frame of the `resqd` command: where Redis is, one line for what went wrong, an exit status for its kind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import click

from resqd import sharding
from resqd.cli.output import Talking, report_problems
from resqd.clock import Deadline
from resqd.errors import AppLoadError, ResqdError, SettingsError, StoreRefused, StoreUnavailable
from resqd.parsing import tagged
from resqd.settings import OPTIONS
from resqd.store.redis import projects
from resqd.store.redis.embedded import Embedded, default_url, server_binary
from resqd.store.redis.url import configured
from resqd.store.resque.store import Store
from resqd.store.shards.store import open_store
from resqd.text import escaped

NOT_DONE: Final = 1
NO_REDIS: Final = 3
WRONG_CONFIGURATION: Final = 78
"""Exit status for settings that cannot be (EX_CONFIG of sysexits.h)."""

LOADING_SECONDS: Final = 60.0
"""How long a server that a command has started may read its files."""

_JSON: Final = "resqd.json"
_Command = TypeVar("_Command", bound=Callable[..., Any])


class NotDone(ResqdError):  # noqa: N818 - says what became of the command
    """The command was understood and could not, or was not to, be carried out."""


class Program(Talking):
    """A group whose commands end with the status of what went wrong, and a line for each problem."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ResqdError as error:
            problems = error.problems if isinstance(error, SettingsError) else [str(error)]
            report_problems([one_line(problem) for problem in problems], in_json=bool(ctx.meta.get(_JSON)))
            ctx.exit(exit_status(error))


def exit_status(error: ResqdError) -> int:
    """0 done, 1 not done, 2 wrong usage (click's own), 3 no Redis, 78 wrong settings or application."""
    if isinstance(error, SettingsError | AppLoadError):
        return WRONG_CONFIGURATION
    if isinstance(error, StoreUnavailable | StoreRefused):
        return NO_REDIS
    return NOT_DONE


def one_line(text: str) -> str:
    """Text from elsewhere on one line that is safe for a terminal."""
    return escaped(text)


def as_json(command: _Command) -> _Command:
    """Give a command the option --json; an error is then printed as JSON as well."""

    def remember(context: click.Context, _parameter: click.Parameter, chosen: bool) -> bool:
        context.meta[_JSON] = chosen
        return chosen

    return click.option("--json", "in_json", is_flag=True, callback=remember, help="Answer in JSON.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only where the user wants it; raises NotDone otherwise, also where nobody is there to answer."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        raise NotDone("nothing was changed; --yes goes on without asking")


@dataclass(frozen=True, slots=True)
class OpenedStore:
    """A store that a command may use, its URL (which may hold a password) and, in words, where it is."""

    store: Store
    url: str
    described: str
    namespace: str
    shards: tuple[str, ...] = ()
    """The URLs of all shards, where there are several."""


def with_flags(*fields: str) -> Callable[[_Command], _Command]:
    """Give a command the flags of these settings, or of all; the help names each one's environment variable."""

    def add(command: _Command) -> _Command:
        for option in reversed([option for option in OPTIONS if not fields or option.field in fields]):
            default = f"; default {option.default}" if option.default else ""
            text = f"{option.help} [{option.variable}{default}]"
            command = click.option(option.flag, option.field, metavar=option.metavar, help=text)(command)
        return command

    return add


with_redis = with_flags("redis_url", "namespace")
"""Gives a command --redis-url and --namespace, which mean what they mean for `resqd start`."""


@contextmanager
def opened(*, redis_url: str | None, namespace: str | None, app: str | None = None) -> Iterator[OpenedStore]:
    """The store that the flags or the environment name. Errors: SettingsError, StoreError, FolderError.

    Where that is the embedded server, it runs for as long as this takes, whether a daemon uses it or not. There the
    namespace is that of the project in the current folder, or which `app` belongs to, as MODULE:ATTR.
    """
    url, prefix = setting_of("redis_url", redis_url), setting_of("namespace", namespace)
    shards = sharding.urls_in(os.environ) if redis_url is None else ()
    url = shards[0] if shards else url
    share = Embedded.start(environ=os.environ) if url is None and server_binary() is not None else None
    try:
        if share is not None:
            url, described = share.url, share.description
            prefix = prefix or namespace_on(share, app)
        elif url is None:
            url, described = default_url(os.environ)
        else:
            described = configured(url).describe()
        prefix = prefix or projects.DEFAULT
        if len(shards) > 1:
            described += f" and {len(shards) - 1} more"
        store = open_store(shards or (url,), namespace=prefix)
        try:
            if share is not None:
                _wait_until_loaded(store, Deadline.after(LOADING_SECONDS))
            yield OpenedStore(store, url, described, tagged(prefix, url), shards)
            for place in store.left_out:
                click.echo(f"resqd: {place} does not answer: what it holds is not among this", err=True)
        finally:
            store.close()
    finally:
        if share is not None:
            share.close()


def namespace_on(share: Embedded, app: str | None) -> str:
    """The namespace of a project on the embedded server: that of `app`, else of the current folder."""
    if not projects.is_shared(os.environ):
        return projects.DEFAULT
    if not app:
        return projects.found(share.folder)
    return projects.claimed(share.folder, projects.folder_of_module(app.partition(":")[0]))


def _wait_until_loaded(store: Store, deadline: Deadline) -> None:
    """A server that was started for us may still read its files when it first answers."""
    while True:
        try:
            store.books.stats.get("processed")
        except StoreUnavailable:
            if deadline.expired():
                raise
            time.sleep(0.02)
        else:
            return


def setting_of(field: str, given: str | None) -> str | None:
    """The flag's text, else the variable's, checked; None where neither is set."""
    option = next(option for option in OPTIONS if option.field == field)
    source = option.text_in(os.environ)
    if given is not None and option.given(given):
        source = f"{option.variable} ({option.flag})", given
    if source is None:
        return None
    try:
        return str(option.parse(source[1]))
    except ValueError as error:
        raise SettingsError([f"{source[0]}: {error}"]) from error
