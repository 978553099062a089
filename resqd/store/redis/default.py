"""The Redis of an application that names none: the embedded server, which its first use starts, or localhost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from resqd.clock import Deadline
from resqd.errors import StoreUnavailable
from resqd.store.redis.embedded import Embedded, default_url, server_binary
from resqd.store.redis.link import Link
from resqd.store.redis.url import ConnectionConfig

_HINT = "; REDIS_URL is not set: set it, or pip install 'resqd[embedded]', a server that starts by itself"
LOADING_SECONDS = 60.0
"""How long a server that was started here may read its files."""


@dataclass(frozen=True, slots=True)
class Default:
    """Where it is, and this process's share where it is the embedded one: the server lives as long as we do."""

    url: str
    hint: str = ""
    """What to do where it does not answer."""
    share: Embedded | None = None


def found_or_started(environ: Mapping[str, str]) -> Default:
    """Where Redis is. Without REDIS_URL the embedded server runs when this returns, where its wheel is installed.

    Errors: EmbeddedError and FolderError, which say what to do.
    """
    if environ.get("REDIS_URL", "").strip():
        return Default(default_url(environ)[0])
    if server_binary() is None:
        return Default(default_url(environ)[0], _HINT)
    share = Embedded.start(environ=environ)
    try:
        wait_until_loaded(share.url)
    except BaseException:
        share.close()
        raise
    return Default(share.url, share=share)


def wait_until_loaded(url: str, seconds: float = LOADING_SECONDS) -> None:
    """A server that was just started may still read its files when it first answers. Errors: StoreError."""
    link, deadline = Link(ConnectionConfig.from_url(url), admit=False), Deadline.after(seconds)
    try:
        while True:
            try:
                link.call("PING")
            except StoreUnavailable:
                if deadline.expired():
                    raise
                time.sleep(0.02)
            else:
                return
    finally:
        link.close()
