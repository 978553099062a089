"""Parsers for the text of settings: each returns a checked value, or raises ValueError with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_WHOLE = re.compile(r"[0-9]{1,18}")
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?|\.[0-9]{1,18}")
_MODULE_ATTRIBUTE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_NAMESPACE = re.compile(r"(?=.)[^\s{}*?\[\]]*(\{[^\s{}*?\[\]]+\}[^\s{}*?\[\]]*)?")
_LONGEST = 200
SECRET_LEAST = 16
"""Characters that a secret has at least."""
"""The most characters of a namespace."""
_FALSE = frozenset({"0", "false", "no", "off", ""})
_TRUE = frozenset({"1", "true", "yes", "on"})
LOG_LEVELS = ("debug", "info", "warning", "error")
FAILURE_BACKENDS = ("redis", "redis_multi_queue")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`, written in plain digits."""

    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A parser of seconds from `low` to `high`, written as 5 or 0.25."""

    def parse(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError(f"give seconds from {low:g} to {high:g}, such as 5 or 0.25")
        return float(text)

    return parse


def choice(*values: str) -> Callable[[str], str]:
    """A parser that takes one of `values`, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"give one of {', '.join(values)}")
        return text.lower()

    return parse


def label(text: str) -> str:
    """A name that is safe in file names, keys and lines of a log."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", text, re.ASCII):
        raise ValueError("give letters, digits, '.', '_' and '-' only, not beginning with '.' or '-'")
    return text


def namespace(text: str) -> str:
    """A prefix of Redis keys; one hash tag in braces keeps it in one slot of a Cluster, globs would be no prefix."""
    if not _NAMESPACE.fullmatch(text) or len(text) > _LONGEST or not text.isprintable() or text.endswith(":"):
        raise ValueError(
            "give printable characters without spaces or globs, not ending with ':'; braces only around a hash tag"
        )
    return text


def address(text: str) -> tuple[str, int]:
    """HOST:PORT to listen at; an IPv6 address stands in brackets."""
    try:
        parts = urlsplit(f"//{line(text)}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.path or parts.query or "@" in parts.netloc:
        raise ValueError("give HOST:PORT, such as 127.0.0.1:9293")
    return host, port


def line(text: str) -> str:
    """Any text that fits on one line of a log."""
    if not text.isprintable():
        raise ValueError("control characters and bytes that are not UTF-8 are not allowed")
    return text


def secret(text: str) -> str:
    """What signs; nobody may find it by trying."""
    if len(line(text)) < SECRET_LEAST:
        raise ValueError(f"give at least {SECRET_LEAST} characters, such as openssl rand -hex 32 makes")
    return text


def path(text: str) -> Path:
    """A file's path."""
    return Path(line(text))


_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw]?)")


def duration(text: str) -> float:
    """Seconds: a number of them, or of what a letter says: `90`, `15m`, `1.5h`, `2d`, `1w`."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("give a time such as 90, 15m, 1.5h, 2d or 1w")
    return float(found[1]) * _UNITS[found[2]]


def paths(text: str) -> tuple[Path, ...]:
    """Several paths with ':' or ',' between them."""
    return tuple(Path(part) for part in re.split("[:,]", line(text)) if part)


def application(text: str) -> str:
    """Where the App is: MODULE:ATTR."""
    if not _MODULE_ATTRIBUTE.fullmatch(text):
        raise ValueError("give MODULE:ATTR, such as jobs:app")
    return text


SENTINEL: Final = "sentinel"
CLUSTER: Final = "cluster"
"""What stands behind the `+` in a URL's scheme where the server that takes writes is to be found."""


def redis_url(text: str) -> str:
    """A URL that the Redis client takes; it may hold a password, so no error repeats it."""
    remedy = (
        "give redis://HOST:PORT/DB, rediss://HOST:PORT/DB, unix:///PATH, "
        "redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB or redis+cluster://HOST:PORT,HOST:PORT"
    )
    try:
        parts = urlsplit(line(text))
        scheme, _, kind = parts.scheme.partition("+")
        hosts = parts.netloc.rpartition("@")[2].split(",") if kind else [parts.netloc]
        each = [urlsplit(f"//{host}") for host in hosts]
        named = all(host.hostname and host.port != 0 for host in each)
    except ValueError:
        raise ValueError(remedy) from None
    if parts.scheme == "unix":
        fits = bool(parts.path)
    else:  # an '@' in the path is a piece of a password that should have been quoted
        known = scheme in {"redis", "rediss"} and kind in {"", SENTINEL, CLUSTER}
        fits = known and named and "@" not in parts.path and (kind != SENTINEL or len(parts.path) > 1)
    if not fits:
        raise ValueError(remedy)
    return text


def tagged(namespace: str, url: str | None) -> str:
    """The namespace on the server of this URL: on a Cluster all of its keys must lie in one slot, by one hash tag.

    `resque` becomes `{resque}`; Ruby's programs must be told the same. A namespace that has a tag stays as it is.
    """
    scheme = (url or "").partition("://")[0]
    if scheme.partition("+")[2] != CLUSTER or re.search(r"\{[^}]+\}", namespace):
        return namespace
    return f"{{{namespace}}}"


def without_password(url: str) -> str:
    """The URL as it may be shown: user, password and query parameters left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(hidden)"
    if not parts.scheme:
        return "(hidden)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def failure_backends(text: str) -> tuple[str, ...]:
    """One backend, or several as `multiple:redis,redis_multi_queue`."""
    several = text.startswith("multiple:")
    names = text.removeprefix("multiple:").replace("-", "_").split(",")
    known, repeated = set(names) <= set(FAILURE_BACKENDS), len(set(names)) < len(names)
    if not known or repeated or (len(names) > 1 and not several):
        raise ValueError("give redis or redis_multi_queue, or several as multiple:redis,redis_multi_queue")
    return tuple(names)


def truth(text: str) -> bool:
    """Whether a switch such as VERBOSE is on; any word but 0, false, no and off switches it on."""
    return text.strip().lower() not in _FALSE


def log_level(text: str) -> str:
    """A level's name, or a switch: on means info, off means warning."""
    word = text.lower()
    if word in LOG_LEVELS:
        return word
    if word == "warn":
        return "warning"
    if word in _TRUE | _FALSE:
        return "info" if truth(word) else "warning"
    raise ValueError(f"give one of {', '.join(LOG_LEVELS)}")
