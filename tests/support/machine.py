"""A real systemd as pid 1 of namespaces of its own, over an overlay of this machine's files; it leaves nothing."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.waiting import wait_for

SYSTEMD = "/lib/systemd/systemd"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
_BOOT = r"""
set -e
base=$1 files=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
cd "$base/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys # read-only: systemd would set variables of the kernel that it shares with the host
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs var/tmp
while [ $# -gt 0 ]; do
  mkdir -p ".$2"
  mount --rbind "$1" ".$2"
  shift 2
done
cp -r "$files/." .
cd etc/systemd/system
for unit in systemd-modules-load.service systemd-tmpfiles-setup-dev.service systemd-udevd.service \
    proc-sys-fs-binfmt_misc.automount; do
  ln -sf /dev/null $unit # they change what is the host's
done
echo booting
exec chroot "$base/root" env -i container=unshare "PATH=$PATH" /lib/systemd/systemd --system --unit=basic.target
"""


def why_not() -> str | None:
    """Why no machine can be made here; None where one can."""
    if os.geteuid() != 0:
        return "only root can make the namespaces"
    if not Path(SYSTEMD).exists():
        return f"there is no {SYSTEMD}"
    missing = [
        name for name in ("unshare", "nsenter", "setpriv", "chroot", "mount") if shutil.which(name) is None
    ]
    if missing:
        return f"{', '.join(missing)} not found"
    tried = subprocess.run(["unshare", *_NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"cannot make namespaces: {tried.stderr.strip()}"


class CannotBootError(Exception):
    """The mounts for the machine could not be made; systemd was not even tried."""


class Machine:
    """A booted systemd. `binds` maps folders of the host to paths inside, `files` paths inside to their text."""

    def __init__(self, folder: Path, *, binds: Mapping[Path, str], files: Mapping[str, str]) -> None:
        self._folder = folder
        self._binds = {**binds, Path(sys.base_prefix): "/opt/python"}
        self._files = files
        self._cgroup = _own_cgroup()
        self._unshare: subprocess.Popen[str] | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        try:
            self._boot()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command inside and wait for it."""
        enter = ["nsenter", "-r", "-w", "-m", "-p", "-u", "-i", "-C", "-t", str(self._pid)]
        environ = {"PATH": _PATH, "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*enter, *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def systemctl(self, *arguments: str) -> str:
        """The output of a systemctl that must succeed."""
        done = self.run("systemctl", *arguments)
        assert done.returncode == 0, f"systemctl {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit: str) -> dict[str, str]:
        """All of the unit's properties."""
        return dict(line.split("=", 1) for line in self.systemctl("show", unit).splitlines() if "=" in line)

    def journal(self, unit: str) -> str:
        """What the unit has logged."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def _boot(self) -> None:
        base, files = self._folder / "base", self._folder / "files"
        base.mkdir()
        (files / "etc/systemd/system").mkdir(parents=True)
        for path, text in self._files.items():
            target = files / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o755 if text.startswith("#!") else 0o644)
        binds = [part for source, target in self._binds.items() for part in (str(source), target)]
        boot = ["sh", "-c", _BOOT, "boot", str(base), str(files), *binds]
        self._start(["unshare", *_NAMESPACES, *boot])
        wait_for(self._running, 60, what=f"systemd runs; {self.run('systemctl', '--failed').stdout}")

    def _start(self, command: list[str]) -> None:
        # systemd moves every process of its cgroup namespace's root into a scope of its own, so it gets
        # a cgroup with none but itself: the shell enters it before it becomes unshare.
        entering = 'echo $$ > "$0/cgroup.procs"; exec "$@"' if self._cgroup else 'exec "$@"'
        cgroup = str(self._cgroup or "none")
        log = (self._folder / "boot.log").open("w")
        with log:
            self._unshare = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "sh", "-c", entering, cgroup, *command],
                env={"PATH": _PATH},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._unshare.stdout is not None
        if self._unshare.stdout.readline() != "booting\n":
            raise CannotBootError((self._folder / "boot.log").read_text().strip())
        self._pid = psutil.Process(self._unshare.pid).children()[0].pid

    def _running(self) -> bool:
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state in {"running", "degraded"}

    def _end(self) -> None:
        """Kill pid 1: the kernel kills the rest, and the mounts go with the last process."""
        if self._unshare is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                if self._pid:
                    psutil.Process(self._pid).kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._unshare.wait(5)
            self._unshare.kill()
            self._unshare.wait(10)
            assert self._unshare.stdout is not None
            self._unshare.stdout.close()
        if self._cgroup is not None:
            wait_for(self._remove_cgroup, 10, what=f"{self._cgroup} is empty")

    def _remove_cgroup(self) -> bool:
        assert self._cgroup is not None
        with contextlib.suppress(OSError):  # a process that has just been killed is still in it
            for folder in sorted(self._cgroup.glob("**/"), key=lambda each: -len(each.parts)):
                folder.rmdir()
        return not self._cgroup.exists()


def _own_cgroup() -> Path | None:
    """A new cgroup below this process's, in the unified hierarchy; None where there is none to write to."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    hierarchy = next((fields[4] for fields in mounts if fields[fields.index("-") + 1] == "cgroup2"), None)
    ours = next(
        line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
    )
    if hierarchy is None:
        return None
    cgroup = Path(hierarchy + ours.rstrip("/")) / f"resqd-test-{os.getpid()}"
    try:
        cgroup.mkdir()
    except OSError:
        return None
    return cgroup
