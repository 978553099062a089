"""Where the queues are, for commands that need Redis and no daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from resqd.clock import Deadline
from resqd.errors import SettingsError, StoreUnavailable
from resqd.settings import OPTIONS
from resqd.store.config import ConnectionConfig
from resqd.store.embedded import Embedded, default_url, server_binary
from resqd.store.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])


LOADING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """A store, its URL (which may hold a password) and, in words, where it is."""

    store: Store
    url: str
    described: str
    namespace: str


def with_place(command: _Command) -> _Command:
    """Give a command --redis-url and --namespace, which mean what they mean for `resqd start`."""
    for option in reversed([option for option in OPTIONS if option.field in {"redis_url", "namespace"}]):
        default = f"; default {option.default}" if option.default else ""
        text = f"{option.help} [{option.variable}{default}]"
        command = click.option(option.flag, option.field, metavar=option.metavar, help=text)(command)
    return command


@contextmanager
def opened(*, redis_url: str | None, namespace: str | None) -> Iterator[Place]:
    """The store that the flags or the environment name. Errors: SettingsError, StoreError, FolderError.

    Where that is the embedded server, it runs for as long as this takes, whether a daemon uses it or not.
    """
    url, prefix = _setting("redis_url", redis_url), _setting("namespace", namespace) or "resque"
    share = Embedded.start(environ=os.environ) if url is None and server_binary() is not None else None
    try:
        if share is not None:
            url, described = share.url, share.description
        elif url is None:
            url, described = default_url(os.environ)
        else:
            described = _configured(url).describe()
        store = Store.of(url=url, namespace=prefix)
        try:
            if share is not None:
                _wait_until_loaded(store, Deadline.after(LOADING_SECONDS))
            yield Place(store, url, described, prefix)
        finally:
            store.close()
    finally:
        if share is not None:
            share.close()


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


def _configured(url: str) -> ConnectionConfig:
    try:
        return ConnectionConfig.from_url(url)
    except ValueError as error:
        raise SettingsError([f"REDIS_URL: {error}"]) from error


def _setting(field: str, given: str | None) -> str | None:
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
