"""Where Redis is and how to speak to it, read from a URL; nothing is opened here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from resqd.errors import SettingsError
from resqd.parsing import CLUSTER, SENTINEL

_SCHEMES: Final = ("redis", "rediss", "unix")
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_NO: Final = frozenset({"0", "f", "false", "n", "no"})
_TLS: Final = "ssl_"
_REDIS_PY: Final = frozenset(
    {
        "client_name",
        "decode_responses",
        "encoding",
        "encoding_errors",
        "health_check_interval",
        "max_connections",
        "protocol",
        "retry_on_timeout",
        "socket_keepalive",
        "timeout",
    }
)
"""Options of redis-py's URLs that say nothing about where the server is; ours are fixed."""


def configured(url: str) -> ConnectionConfig:
    """The connection that REDIS_URL names. Errors: SettingsError."""
    try:
        return ConnectionConfig.from_url(url)
    except ValueError as error:
        raise SettingsError([f"REDIS_URL: {error}"]) from error


@dataclass(frozen=True, slots=True)
class Discovery:
    """Whom to ask where the server is that takes writes now: Sentinels, for the server of this name, or a Cluster.

    `username` and `password` are for the Sentinels, which have users of their own.
    """

    kind: str
    seeds: tuple[tuple[str, int], ...]
    name: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One server and database; times are in seconds. `path` is a Unix socket, in place of host and port.

    `tls` holds redis-py's `ssl_…` options by name, and is None where the connection is in the clear. With
    `discovery` host and port are found at each connecting.
    """

    host: str = "localhost"
    port: int = _PORT
    path: str = ""
    db: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    tls: Mapping[str, Any] | None = field(default=None, repr=False)
    socket_timeout: float = 7.0
    connect_timeout: float = 5.0
    discovery: Discovery | None = None
    hint: str = ""
    """What is said beside an error where the server does not answer."""

    @classmethod
    def from_url(
        cls, url: str, *, socket_timeout: float = 7.0, connect_timeout: float = 5.0
    ) -> ConnectionConfig:
        """Reads a `redis://`, `rediss://` or `unix://` URL with redis-py's options after its '?'.

        Also `redis+sentinel://HOST,HOST/NAME/DB` and `redis+cluster://HOST,HOST`, and both with `rediss`.

        Raises ValueError, whose text never holds any part of the URL, since that may hold a password.
        """
        try:
            config = _read(urlsplit(url), socket_timeout, connect_timeout)
        except ValueError:
            config = None
        if config is None:
            raise ValueError("not a Redis URL (redis://HOST:PORT/DB, rediss://… or unix:///PATH?db=DB)")
        return config

    def describe(self) -> str:
        """The server's address without user and password."""
        if self.path:
            return f"unix://{self.path}?db={self.db}"
        scheme = "redis" if self.tls is None else "rediss"
        if self.discovery is not None:
            found = self.discovery
            seeds = ",".join(f"{host}:{port}" for host, port in found.seeds)
            rest = f"/{found.name}/{self.db}" if found.kind == SENTINEL else ""
            return f"{scheme}+{found.kind}://{seeds}{rest}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{self.db}"


def _read(url: SplitResult, socket_timeout: float, connect_timeout: float) -> ConnectionConfig | None:
    scheme, _, kind = url.scheme.partition("+")
    if scheme not in _SCHEMES or kind not in ("", SENTINEL, CLUSTER) or (kind and scheme == "unix"):
        return None
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    tls = {name: options.pop(name) for name in list(options) if name.startswith(_TLS)}
    facts: dict[str, Any] = {
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "socket_timeout": socket_timeout,
        "connect_timeout": connect_timeout,
    }
    if scheme == "unix":
        facts["path"] = unquote(url.path)
        if not facts["path"]:
            return None
    elif kind:
        facts["discovery"], facts["db"] = _discovery(kind, url, options)
    else:
        facts |= {"host": unquote(url.hostname or "localhost"), "port": url.port or _PORT}
        facts["db"] = _database(url.path)
    if scheme == "rediss":
        facts["tls"] = _checked(tls)
    elif tls:
        return None
    for name, text in options.items():
        if name in _OPTIONS:
            key, read = _OPTIONS[name]
            facts[key] = read(text)
        elif name not in _REDIS_PY:
            return None
    return ConnectionConfig(**facts)


def _discovery(kind: str, url: SplitResult, options: dict[str, str]) -> tuple[Discovery, int]:
    """Whom to ask, and the database. Takes the options that are for the Sentinels out. Errors: ValueError."""
    port = _SENTINEL_PORT if kind == SENTINEL else _PORT
    seeds = tuple(_address(text, port) for text in url.netloc.rpartition("@")[2].split(","))
    if kind == CLUSTER:
        options.pop("shards", None)  # says which namespaces there are: see sharding
        if unquote(url.path).strip("/") not in ("", "0"):
            raise ValueError("a Cluster has no other database")
        return Discovery(kind, seeds), 0
    name, _, database = unquote(url.path).strip("/").partition("/")
    if not name:
        raise ValueError("no name of a master")
    who = {key: options.pop(f"sentinel_{key}", "") for key in ("username", "password")}
    return Discovery(kind, seeds, name, **who), _database(database)


def _address(text: str, port: int) -> tuple[str, int]:
    """HOST or HOST:PORT; an IPv6 address stands in brackets. Errors: ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return unquote(parts.hostname), parts.port or port


def _database(path: str) -> int:
    number = unquote(path).strip("/")
    return _count(number) if number else 0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a number")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError("not a time")
    return seconds


_OPTIONS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "db": ("db", _count),
    "host": ("host", str),
    "port": ("port", _count),
    "path": ("path", str),
    "username": ("username", str),
    "password": ("password", str),
    "socket_timeout": ("socket_timeout", _seconds),
    "socket_connect_timeout": ("connect_timeout", _seconds),
}

_TLS_OPTIONS: Final = frozenset(
    {
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_ciphers",
        "ssl_keyfile",
        "ssl_min_version",
        "ssl_password",
        "ssl_password_file",
    }
)
_CERT_REQS: Final = frozenset({"none", "optional", "required"})
_VERSIONS: Final = frozenset({"TLSv1.2", "TLSv1.3"})


def _checked(tls: dict[str, str]) -> dict[str, Any]:
    """The options of TLS, as redis-py's keywords take them."""
    if not tls.keys() <= _TLS_OPTIONS or tls.get("ssl_cert_reqs", "none") not in _CERT_REQS:
        raise ValueError("unknown option")
    if tls.get("ssl_min_version", "TLSv1.2") not in _VERSIONS:
        raise ValueError("unknown version")
    checked: dict[str, Any] = dict(tls)
    if "ssl_check_hostname" in tls:
        checked["ssl_check_hostname"] = tls["ssl_check_hostname"].lower() not in _NO
    return checked
