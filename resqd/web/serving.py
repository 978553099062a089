"""Serving the page from a process of its own: where it listens, who may come in, and its end."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from waitress import create_server

from resqd import events
from resqd.errors import ResqdError, SettingsError
from resqd.web.desk import Desk
from resqd.web.http import plain_number
from resqd.web.security import passwords
from resqd.web.security.access import Access, ByPassword, BySocket, ByToken
from resqd.web.security.guard import LOOPBACK, host_name
from resqd.web.security.sessions import Sessions
from resqd.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from resqd.app import App

_EVERYWHERE: Final = frozenset({"0.0.0.0", "[::]", ""})  # noqa: S104 - to refuse it without names
_THREADS: Final = 6
_MOST_BODY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: a host and a port, or a Unix socket."""

    host: str
    port: int
    path: str | None

    @classmethod
    def of(cls, listen: str, path: str | None) -> Place:
        """Raises SettingsError for what is no HOST:PORT."""
        host, colon, port = listen.rpartition(":")
        number = plain_number(port, -1)
        if not colon or not 0 <= number <= 65_535:
            raise SettingsError([f"--listen {listen}: give HOST:PORT, such as 127.0.0.1:9292"])
        return cls(host, number, path)

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.path is not None or self.host in LOOPBACK


def serve(
    app: App,
    *,
    place: Place,
    users: Sequence[str] = (),
    token: str | None = None,
    hosts: Sequence[str] = (),
    read_only: bool = False,
    hide_arguments: bool = False,
    secret: str | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; `secret` signs acts on daemons.

    Errors: SettingsError, and ResqdError where the place is taken.
    """
    if not place.local and not users and token is None:
        raise SettingsError([f"--listen {place.host}: other machines reach it, so give --auth or --token"])
    if place.host in _EVERYWHERE and place.path is None and not hosts:
        raise SettingsError(
            [f"--listen {place.host}: say by --allow-host NAME how browsers call this server"]
        )
    sessions = Sessions(None if token is None else token.encode(), name=f"resqd-{place.port}")
    doors = _Doors(place, sessions)
    names = None if place.path is not None and not hosts else {*LOOPBACK, place.host, *map(host_name, hosts)}
    site = Site(
        desk=Desk.of(app, hide_arguments=hide_arguments, secret=secret),
        access=doors.open_to(users, token),
        sessions=sessions,
        hosts=None if names is None else sorted(names),
        read_only=read_only,
    )
    server = _server(site, place)
    doors.tell(place.port or server.effective_port)
    signal.signal(signal.SIGTERM, _leave)
    try:
        server.run()
    finally:
        server.close()
        site.desk.works.close()
        if place.path is not None:
            Path(place.path).unlink(missing_ok=True)


class _Doors:
    """The ways in, and the address that is printed for who has none of his own."""

    def __init__(self, place: Place, sessions: Sessions) -> None:
        self._place = place
        self._sessions = sessions
        self._once: ByToken | None = None
        self._port = place.port

    def open_to(self, users: Sequence[str], token: str | None) -> list[Access]:
        """As the flags say; errors: SettingsError for what is no hash."""
        ways: list[Access] = []
        if users:
            ways.append(ByPassword(_passwords(users)))
        if token is not None:
            ways.append(ByToken(token, self._sessions))
        if not ways and self._place.path is not None:
            ways.append(BySocket())
        if not ways:
            self._once = ByToken(None, self._sessions, renewed=self._renewed)
            ways.append(self._once)
        return ways

    def tell(self, port: int) -> None:
        """Print where the page is."""
        self._port = port
        address = self._place.path or self._address(None if self._once is None else self._once.token)
        events.Web.serving(address=address)

    def _renewed(self, token: str) -> None:
        events.Web.next_address(address=self._address(token))

    def _address(self, token: str | None) -> str:
        return f"http://{self._place.host}:{self._port}/" + ("" if token is None else f"?token={token}")


def _passwords(users: Sequence[str]) -> passwords.Passwords:
    pairs = [user.partition(":") for user in users]
    try:
        return passwords.Passwords({name: kept for name, _, kept in pairs})
    except ValueError as error:
        raise SettingsError([f"--auth: {error}"]) from None


def _server(site: Site, place: Place) -> Any:
    common: dict[str, Any] = {"threads": _THREADS, "max_request_body_size": _MOST_BODY, "ident": None}
    try:
        if place.path is not None:
            return create_server(site, unix_socket=place.path, unix_socket_perms="600", **common)
        return create_server(site, host=place.host.strip("[]"), port=place.port, **common)
    except OSError as error:
        where = place.path or f"{place.host}:{place.port}"
        raise ResqdError(
            f"cannot listen on {where}: {os.strerror(error.errno or 0)}; --listen chooses another"
        ) from None


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
