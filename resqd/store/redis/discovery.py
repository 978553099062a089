"""Finds the server that takes writes now: Sentinels are asked for it, and the nodes of a Cluster send us on to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from resqd.errors import StoreError, StoreUnavailable
from resqd.parsing import SENTINEL
from resqd.store.names import to_text
from resqd.store.redis.connection import Address, Connection, Reply
from resqd.store.redis.protocol import ServerError, judge, pack_command

if TYPE_CHECKING:
    from resqd.store.redis.url import ConnectionConfig, Discovery

ASK_WITHIN: Final = 1.0
"""Seconds that one Sentinel may take: the next one may know it, and jobs wait."""
REPLICAS: Final = frozenset({b"replica", b"slave"})
"""What a server that takes no writes calls its role in HELLO's reply."""
MOST_NODES: Final = 16
"""Nodes of a Cluster that are remembered beside the seeds."""


class Finder(Protocol):
    """Where to connect, and what is learned of that meanwhile.

    Several threads may share one: what one of them learns too late costs another a redirection more.
    """

    @property
    def tries(self) -> int:
        """How many addresses are worth a try one after the other, where nothing answers."""

    def find(self) -> Address:
        """Where to connect now. Errors: StoreUnavailable."""

    def found(self, address: Address) -> None:
        """A node says that another one is responsible."""

    def lost(self) -> None:
        """The server that was found last does not answer, or cannot serve."""


class Sentinels:
    """Asks them in turn, the last that knew it first."""

    def __init__(self, config: ConnectionConfig, discovery: Discovery) -> None:
        self._name = discovery.name
        self._described = config.describe()
        self._configs = sentinel_configs(config, discovery)

    @property
    def tries(self) -> int:
        """Sentinels name one."""
        return 1

    def find(self) -> Address:
        """The master's address as the first Sentinel says that answers. Errors: StoreUnavailable."""
        troubles = []
        for each in list(self._configs):
            try:
                address = self._ask(each)
            except (StoreError, OSError) as error:
                troubles.append(str(error))
                continue
            self._configs.remove(each)
            self._configs.insert(0, each)
            return address
        raise StoreUnavailable(
            f"no Sentinel of {self._described} names a master: {'; '.join(dict.fromkeys(troubles))}"
        )

    def found(self, address: Address) -> None:
        """Sentinels alone say where it is."""

    def lost(self) -> None:
        """They are asked again anyway."""

    def _ask(self, config: ConnectionConfig) -> Address:
        connection = Connection(config)
        try:
            [reply] = connection.connect(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name))
        finally:
            connection.close()
        return told_master(connection, reply, self._name)


def sentinel_configs(config: ConnectionConfig, discovery: Discovery) -> list[ConnectionConfig]:
    """How to speak to each Sentinel."""
    own = replace(
        config,
        discovery=None,
        db=0,
        username=discovery.username,
        password=discovery.password,
        connect_timeout=min(ASK_WITHIN, config.connect_timeout),
        socket_timeout=min(ASK_WITHIN, config.socket_timeout),
    )
    return [replace(own, host=host, port=port) for host, port in discovery.seeds]


def told_master(connection: Connection, reply: Reply, name: str) -> Address:
    """The address in a Sentinel's reply. Errors: StoreError, StoreUnavailable where it knows no such master."""
    if isinstance(reply, ServerError):
        raise connection.named(judge(reply))
    if reply is None:
        raise connection.named(StoreUnavailable(f"this Sentinel knows no master named {name!r}"))
    return to_text(reply[0]), int(reply[1])


class Nodes:
    """The nodes of a Cluster in turn, until one has said who is responsible for our slot."""

    def __init__(self, discovery: Discovery) -> None:
        self._nodes = list(discovery.seeds)
        self._seeds = len(self._nodes)
        self._turn = 0
        self._responsible: Address | None = None
        self._latest = self._nodes[0]

    @property
    def tries(self) -> int:
        """The responsible one, then each that may know another."""
        return len(self._nodes) + 1

    def find(self) -> Address:
        """The responsible node, else the next one that may know it."""
        if self._responsible is None:
            self._latest = self._nodes[self._turn % len(self._nodes)]
            self._turn += 1
        else:
            self._latest = self._responsible
        return self._latest

    def found(self, address: Address) -> None:
        """Connect there from now on. An empty host, as a node may say, is the one that said it."""
        host, port = address
        self._responsible = address = (host or self._latest[0], port)
        if address not in self._nodes:
            self._nodes.append(address)
            if len(self._nodes) > self._seeds + MOST_NODES:
                del self._nodes[self._seeds]

    def lost(self) -> None:
        """Ask the others."""
        self._responsible = None


def finder(config: ConnectionConfig) -> Finder | None:
    """Who finds the server; None where the URL says where it is."""
    if config.discovery is None:
        return None
    return (
        Sentinels(config, config.discovery) if config.discovery.kind == SENTINEL else Nodes(config.discovery)
    )


@dataclass(frozen=True, slots=True)
class Redirect:
    """What a node of a Cluster answers in place of a reply: another one has the slot (MOVED), or this key (ASK)."""

    moved: bool
    address: Address

    @classmethod
    def of(cls, reply: Reply) -> Redirect | None:
        """The redirection that an error says, as `MOVED 5798 HOST:PORT`."""
        if not isinstance(reply, ServerError) or reply.code not in {"MOVED", "ASK"}:
            return None
        host, _, port = reply.text.split()[2].rpartition(":")
        return cls(reply.code == "MOVED", (host, int(port)))


class Located:
    """A connection to the server that takes writes, wherever that is: finds it, and notes where it went.

    Owned by one thread.
    """

    def __init__(
        self,
        config: ConnectionConfig,
        *,
        found_by: Finder | None = None,
        socket_timeout: float | None = None,
    ) -> None:
        timed = config if socket_timeout is None else replace(config, socket_timeout=socket_timeout)
        self._config = timed
        self._finder = found_by or finder(config)
        self.connection = Connection(timed, find=self._finder.find if self._finder else None)
        self.described = config.describe()

    @property
    def follows(self) -> bool:
        """Whether the server may send us on."""
        return (
            self._finder is not None
            and self._config.discovery is not None
            and (self._config.discovery.kind != SENTINEL)
        )

    def connect(self, *greeting: tuple[Any, ...]) -> list[Reply]:
        """As Connection.connect, to a server that takes writes as far as can be told."""
        checks = (("ROLE",),) if self._finder is not None and not self.follows else ()
        try:
            replies = self._connect_in_turn(*checks, *greeting)
            if checks:
                self._check_role(replies[0])
        except StoreError:
            self.lost()
            raise
        return replies[len(checks) :]

    def _connect_in_turn(self, *greeting: tuple[Any, ...]) -> list[Reply]:
        for _ in range(self._finder.tries - 1 if self._finder else 0):
            try:
                return self.connection.connect(*greeting)
            except StoreUnavailable:
                self.lost()
        return self.connection.connect(*greeting)

    def move(self, redirect: Redirect) -> None:
        """Connect to another node from now on; the connection is closed."""
        self.connection.close()
        if self._finder is not None:
            self._finder.found(redirect.address)

    def lost(self) -> None:
        """What was found last is not to be tried first again; the connection is closed."""
        self.connection.close()
        if self._finder is not None:
            self._finder.lost()

    def ask(self, redirect: Redirect, loads: list[bytes], commands: list[bytes]) -> list[Reply]:
        """The replies of a node that gets the slot and answers only where it is asked so. Errors: StoreUnavailable."""
        host, port = redirect.address
        other = Connection(replace(self._config, discovery=None, host=host or self._config.host, port=port))
        asking = pack_command(("ASKING",))
        try:
            other.connect()
            other.send(b"".join([*loads, *(asking + command for command in commands)]))
            for _ in loads:
                other.read()
            return [(other.read(), other.read())[1] for _ in commands]
        except OSError as error:
            raise StoreUnavailable(f"Redis at {host}:{port} does not answer: {error}") from error
        finally:
            other.close()

    def _check_role(self, reply: Reply) -> None:
        """Errors: StoreUnavailable for a replica: what it says is old, and it takes no writes."""
        if isinstance(reply, list) and reply and reply[0] != b"master":
            raise StoreUnavailable(f"Redis at {self.described}: the server that was named is a replica still")
