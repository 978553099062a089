"""Servers that belong together, on free ports of the loopback: a master with replicas and Sentinels, and a Cluster."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from tests.support.lag import Lag
from tests.support.waiting import wait_for

HOST = "127.0.0.1"
SLOTS = 16384


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


class Node:
    """One server process on a port, by a configuration file, since a Sentinel rewrites its own."""

    def __init__(
        self, binary: Path, folder: Path, port: int, lines: list[str], *, sentinel: bool = False
    ) -> None:
        self.port = port
        self.folder = folder / str(port)
        self.folder.mkdir()
        self._config = self.folder / "server.conf"
        self._config.write_text("\n".join([f"port {port}", f"bind {HOST}", f"dir {self.folder}", *lines, ""]))
        self._command = [str(binary), str(self._config), *(["--sentinel"] if sentinel else [])]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self.answers, 20, what=f"the server on port {self.port} answers")

    def answers(self) -> bool:
        """Whether it answers PING."""
        with contextlib.suppress(redis.RedisError):
            return bool(self.call("PING"))
        return False

    def call(self, *command: Any) -> Any:
        """The reply to one command."""
        with self.client() as client:
            return client.execute_command(*command)

    def client(self) -> redis.Redis:
        """A plain client of this server."""
        return redis.Redis(HOST, self.port, socket_timeout=5)

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None


class _Servers:
    """Some nodes with a folder, ended and removed together."""

    def __init__(self, binary: Path) -> None:
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(prefix="resqd-test-"))
        self.nodes: list[Node] = []

    def add(self, port: int, *lines: str, sentinel: bool = False) -> Node:
        node = Node(self.binary, self.folder, port, list(lines), sentinel=sentinel)
        self.nodes.append(node)
        node.start()
        return node

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _build(self) -> None:
        raise NotImplementedError

    def _stop(self) -> None:
        for node in self.nodes:
            with contextlib.suppress(Exception):
                node.signal(signal.SIGCONT)
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Watched(_Servers):
    """A master with two replicas, and three Sentinels that know it by the name `jobs`."""

    NAME = "jobs"
    DOWN_AFTER = 500
    """Milliseconds of silence after which a Sentinel holds the master for dead."""

    def _build(self) -> None:
        ports = free_ports(6)
        # A master that loses its replicas refuses writes within a second: a promoted one would not know them.
        plain = (
            'save ""',
            "min-replicas-to-write 1",
            "min-replicas-max-lag 1",
            "appendonly no",
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
        )
        self.servers = [self.add(ports[0], *plain)]
        for port in ports[1:3]:
            self.servers.append(self.add(port, *plain, f"replicaof {HOST} {ports[0]}"))
        for replica in self.servers[1:]:
            wait_for(lambda r=replica: self.in_step(r), 20, what="a replica is in step")  # type: ignore[misc] # bound
        watch = (
            f"sentinel monitor {self.NAME} {HOST} {ports[0]} 2",
            f"sentinel down-after-milliseconds {self.NAME} {self.DOWN_AFTER}",
            f"sentinel failover-timeout {self.NAME} 4000",
        )
        self.sentinels = [self.add(port, *watch, sentinel=True) for port in ports[3:]]
        wait_for(self._know_each_other, 20, what="the Sentinels know each other")

    @staticmethod
    def in_step(replica: Node) -> bool:
        """Whether a replica has the master's data."""
        with replica.client() as client:
            return bool(client.info("replication").get("master_link_status") == "up")

    def _know_each_other(self) -> bool:
        for each in self.sentinels:
            with each.client() as client:
                facts = client.sentinel_master(self.NAME)
            if facts["num-other-sentinels"] != 2 or facts["num-slaves"] != 2:
                return False
        return True

    @property
    def url(self) -> str:
        """The URL that users would give."""
        seeds = ",".join(f"{HOST}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{seeds}/{self.NAME}/0"

    def master(self) -> Node:
        """The server that takes writes by the Sentinels' word."""
        _, port = self.sentinels[0].call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)
        return next(each for each in self.servers if each.port == int(port))

    @contextlib.contextmanager
    def behind(self, seconds: float) -> Iterator[None]:
        """Let the replicas hear the master so much later. Sentinels put that right after some eight seconds."""
        master = self.master()
        with Lag((HOST, master.port), seconds=seconds) as lag:
            replicas = [each for each in self.servers if each is not master]
            for replica in replicas:
                replica.call("REPLICAOF", HOST, lag.port)
            for replica in replicas:
                wait_for(lambda r=replica: self.in_step(r), 20, what="a replica is in step")  # type: ignore[misc] # bound
            yield

    def promoted(self, before: Node) -> bool:
        """Whether another one is the master, and knows it."""
        now = self.master()
        return now is not before and now.call("ROLE")[0] == b"master"


class ClusterOfSix(_Servers):
    """Three masters with a replica each."""

    TIMEOUT = 800
    """Milliseconds of silence after which the others hold a node for dead."""

    def _build(self) -> None:
        ports = free_ports(12)
        pairs = list(zip(ports[:6], ports[6:], strict=True))
        for port, bus in pairs:
            self._add_node(port, bus)
        first = self.nodes[0]
        for port, bus in pairs[1:]:
            first.call("CLUSTER", "MEET", HOST, port, bus)
        bounds = [0, 5461, 10923, SLOTS]
        for node, start, end in zip(self.nodes[:3], bounds[:3], bounds[1:], strict=True):
            node.call("CLUSTER", "ADDSLOTSRANGE", start, end - 1)
        wait_for(
            lambda: all(len(self.known(node)) == 6 for node in self.nodes), 20, what="all nodes have met"
        )
        for master, replica in zip(self.nodes[:3], self.nodes[3:], strict=True):
            replica.call("CLUSTER", "REPLICATE", self.identity(master))
        wait_for(self._whole, 30, what="the Cluster is whole")

    def _add_node(self, port: int, bus: int) -> Node:
        return self.add(
            port,
            'save ""',
            "appendonly no",
            "cluster-enabled yes",
            f"cluster-port {bus}",
            f"cluster-node-timeout {self.TIMEOUT}",
            "cluster-replica-validity-factor 0",
            "repl-diskless-sync-delay 0",
        )

    def join(self) -> Node:
        """A further master, without slots, that all others know."""
        port, bus = free_ports(2)
        node = self._add_node(port, bus)
        self.nodes[0].call("CLUSTER", "MEET", HOST, port, bus)
        wait_for(
            lambda: all(len(self.known(each)) == len(self.nodes) for each in self.nodes),
            20,
            what="all know it",
        )
        wait_for(lambda: self._ok(node), 20, what="it takes part")
        return node

    def leave(self, node: Node) -> None:
        """End a node that has no slots any more, and have the others forget it."""
        identity = self.identity(node)
        self.nodes.remove(node)
        node.kill()
        for each in self.nodes:
            each.call("CLUSTER", "FORGET", identity)

    @staticmethod
    def known(node: Node) -> list[str]:
        """Lines of CLUSTER NODES, as one node sees them."""
        reply = node.call("CLUSTER", "NODES")
        text = reply.decode() if isinstance(reply, bytes) else "\n".join(reply)
        return [line for line in text.splitlines() if line] if isinstance(reply, bytes) else list(reply)

    @staticmethod
    def identity(node: Node) -> str:
        """A node's id."""
        return str(node.call("CLUSTER", "MYID").decode())

    def _whole(self) -> bool:
        return all(map(self._ok, self.nodes)) and all(Watched.in_step(node) for node in self.nodes[3:])

    @staticmethod
    def _ok(node: Node) -> bool:
        """Whether a node takes part; a new one does so a while after it has met the others."""
        info = node.call("CLUSTER", "INFO")
        text = info.decode() if isinstance(info, bytes) else str(info)
        return "ok" in text.partition("cluster_state")[2][:10]

    @property
    def url(self) -> str:
        """The URL that users would give."""
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes[:3])

    def holder(self, key: str = "{resque}:queues") -> Node:
        """The master that has a key's slot, as any living node says."""
        for node in self.nodes:
            with contextlib.suppress(redis.RedisError, OSError):
                slot = node.call("CLUSTER", "KEYSLOT", key)
                for start, end, master, *_ in node.call("CLUSTER", "SLOTS"):
                    if start <= slot <= end:
                        return next(each for each in self.nodes if each.port == master[1])
        raise AssertionError("nobody has the slot")

    def move(self, key: str, target: Node, between: Callable[[], None] = lambda: None) -> None:
        """Move a key's slot with all its keys to another master, as operators do; `between` is called halfway."""
        source = self.holder(key)
        slot = source.call("CLUSTER", "KEYSLOT", key)
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", self.identity(source))
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", self.identity(target))
        for number, keys in enumerate(self._keys(source, slot)):
            if number == 1:
                between()
            source.call("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *self.nodes[:3]):
            with contextlib.suppress(redis.ResponseError):
                node.call("CLUSTER", "SETSLOT", slot, "NODE", self.identity(target))

    @staticmethod
    def _keys(source: Node, slot: int) -> Iterator[list[bytes]]:
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, 2):
            yield keys
