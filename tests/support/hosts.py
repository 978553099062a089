"""Hosts with a network of their own between them: namespaces on one bridge, whose cables can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_for

_HOLD = ["unshare", "--net", "--kill-child", "sleep", "infinity"]
_NETWORK = "10.213.77"


def why_not() -> str | None:
    """Why no such network can be made here; None where one can."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    missing = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found"
    make = "ip link add name cable0 type veth peer name cable1 && ip link add name switch type bridge"
    tried = subprocess.run(
        ["unshare", "--net", "sh", "-c", make], capture_output=True, text=True, check=False
    )
    return None if tried.returncode == 0 else f"cannot make a network: {tried.stderr.strip()}"


class Space:
    """One network namespace, kept by a process that sleeps in it."""

    def __init__(self) -> None:
        own = os.readlink("/proc/self/ns/net")
        self._holder = subprocess.Popen(_HOLD, stdin=subprocess.DEVNULL)
        wait_for(lambda: self._entered() not in ("", own), 10, what="the namespace is there")
        self.run("ip", "link", "set", "lo", "up")

    def _entered(self) -> str:
        try:
            return os.readlink(f"/proc/{self._holder.pid}/ns/net")
        except OSError:
            return ""

    @property
    def pid(self) -> int:
        """Of a process in it."""
        return self._holder.pid

    @property
    def enter(self) -> list[str]:
        """What to put before a command that is to run in it."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def run(self, *command: str) -> None:
        """Run a command in it, which must succeed."""
        subprocess.run([*self.enter, *command], check=True, capture_output=True, timeout=20)

    def close(self) -> None:
        """End it; the kernel removes what is in it."""
        self._holder.kill()
        self._holder.wait(10)


class Network:
    """Hosts by number, from 1, each at an address; host 0 is none, but the switch between them."""

    def __init__(self, hosts: int) -> None:
        self._spaces: list[Space] = []
        try:
            self._spaces.append(Space())
            self._switch("link", "add", "name", "switch", "type", "bridge")
            self._switch("link", "set", "switch", "up")
            for number in range(1, hosts + 1):
                self._connect(number)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def address(self, host: int) -> str:
        """The host's own."""
        return f"{_NETWORK}.{host}"

    def enter(self, host: int) -> list[str]:
        """What to put before a command that is to run there."""
        return self._spaces[host].enter

    def cut(self, host: int) -> None:
        """Nothing goes to the host or comes from it; its own end of the cable looks alive."""
        self._switch("link", "set", f"port{host}", "nomaster")

    def mend(self, host: int) -> None:
        """As it was."""
        self._switch("link", "set", f"port{host}", "master", "switch")

    def mute(self, host: int, towards: int) -> None:
        """What one host sends to another is dropped, in silence; the other way goes on."""
        self._spaces[host].run("ip", "rule", "add", "to", self.address(towards), "blackhole")

    def unmute(self, host: int, towards: int) -> None:
        """As it was."""
        self._spaces[host].run("ip", "rule", "del", "to", self.address(towards), "blackhole")

    def close(self) -> None:
        """End all of it."""
        for space in self._spaces:
            space.close()

    def _switch(self, *words: str) -> None:
        self._spaces[0].run("ip", *words)

    def _connect(self, number: int) -> None:
        space = Space()
        self._spaces.append(space)
        port = f"port{number}"
        self._switch(
            "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", str(space.pid)
        )
        self._switch("link", "set", port, "master", "switch")
        self._switch("link", "set", port, "up")
        space.run("ip", "addr", "add", f"{self.address(number)}/24", "dev", "eth0")
        space.run("ip", "link", "set", "eth0", "up")
