"""Hears that another server takes the writes now: a link to one that stands still would wait out its whole timeout."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from resqd.errors import StoreError
from resqd.parsing import SENTINEL
from resqd.store.redis.connection import Address, Connection
from resqd.store.redis.discovery import ASK_WITHIN, Nodes, Redirect, sentinel_configs, told_master
from resqd.store.redis.protocol import ServerError, pack_command

if TYPE_CHECKING:
    from resqd.store.redis.url import ConnectionConfig, Discovery

_SILENCE: Final = 5.0
"""Seconds after which a Sentinel that says nothing is asked whether it is there."""
_LOOK_EVERY: Final = 1.0
"""Seconds between two questions to the nodes of a Cluster, which announce nothing."""


class Watch(Protocol):
    """Owned by one thread."""

    def wait(self) -> None:
        """Return when another server takes the writes. Errors: StoreError, OSError; then call it again."""


class SentinelWatch:
    """Subscribes to `+switch-master` at one Sentinel after another; what was missed between two is found by asking."""

    def __init__(self, config: ConnectionConfig, discovery: Discovery) -> None:
        self._name = discovery.name
        self._configs = [
            replace(each, socket_timeout=_SILENCE) for each in sentinel_configs(config, discovery)
        ]
        self._known: Address | None = None

    def wait(self) -> None:
        """As Watch.wait; the Sentinel that fails is asked last the next time."""
        config = self._configs[0]
        connection = Connection(config)
        try:
            [reply] = connection.connect(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name))
            master = told_master(connection, reply, self._name)
            while self._known in (None, master):
                self._known = master
                connection.send(pack_command(("SUBSCRIBE", "+switch-master")))
                connection.read()
                master = self._hear(connection)
            self._known = master
        except (StoreError, OSError):
            self._configs = [*self._configs[1:], config]
            raise
        finally:
            connection.close()

    def _hear(self, connection: Connection) -> Address:
        """The new master's address. A silent Sentinel is asked for a sign of life. Errors: OSError."""
        asked = False
        while True:
            try:
                message = connection.read()
            except TimeoutError:
                if asked:
                    raise
                connection.send(pack_command(("PING",)))
                asked = True
                continue
            asked = False
            if isinstance(message, list) and message[0] == b"message":
                name, _, _, host, port = message[2].split()
                if name.decode() == self._name:
                    return host.decode(), int(port)


class ClusterWatch:
    """Asks the nodes in turn for a key of ours: each knows who has its slot."""

    def __init__(
        self,
        config: ConnectionConfig,
        discovery: Discovery,
        *,
        key: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._config = replace(
            config,
            discovery=None,
            connect_timeout=min(ASK_WITHIN, config.connect_timeout),
            socket_timeout=min(ASK_WITHIN, config.socket_timeout),
        )
        self._nodes = Nodes(discovery)
        self._key = key
        self._sleep = sleep
        self._known: Address | None = None

    def wait(self) -> None:
        """As Watch.wait."""
        while True:
            holder = self._holder()
            if holder is not None and self._known not in (None, holder):
                self._known = holder
                return
            self._known = holder or self._known
            self._sleep(_LOOK_EVERY)

    def _holder(self) -> Address | None:
        """Who has the key's slot, as the next node says; None where that cannot be told now."""
        address = host, port = self._nodes.find()
        connection = Connection(replace(self._config, host=host, port=port))
        try:
            [reply] = connection.connect(("EXISTS", self._key))
        except (StoreError, OSError):
            return None
        finally:
            connection.close()
        if not isinstance(reply, ServerError):
            return address
        redirect = Redirect.of(reply)
        if redirect is None or not redirect.moved:
            return None
        self._nodes.found(redirect.address)  # learns it; the next question goes to another one all the same
        self._nodes.lost()
        return redirect.address[0] or host, redirect.address[1]


def watch(config: ConnectionConfig, *, key: str) -> Watch | None:
    """Who hears of a failover; None where the URL names the one server that there is. `key` is one of ours."""
    if config.discovery is None:
        return None
    if config.discovery.kind == SENTINEL:
        return SentinelWatch(config, config.discovery)
    return ClusterWatch(config, config.discovery, key=key)
