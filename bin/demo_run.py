"""The demo: a daemon on a Valkey of its own, one job for each file, and a count of what was done."""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import redis
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from resqd.store.redis import watcher
from resqd.store.redis.embedded import answers, default_url

BIN = Path(__file__).resolve().parent
WORKERS, THREADS, JOBS_PER_FORK = 2, 4, 50
SAMPLE, BATCH = 500, 1000
START_SECONDS, STALL_SECONDS, STOP_SECONDS = 60.0, 60.0, 60.0
SKIPPED = {".git", ".venv", "__pycache__", "site-packages", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


class DemoError(Exception):
    """The demo cannot go on; the text is one line for the user."""


@dataclass(frozen=True)
class Outcome:
    """What the run did, as the table and --json show it."""

    files: int
    bytes: int
    lines: int
    seconds: float
    jobs_per_second: float
    forks: int
    jobs_per_fork: str
    failures: int
    digests_checked: int
    differences: int


def files_under(folders: list[Path]) -> list[str]:
    """Every readable plain file whose name is UTF-8, since a payload is JSON."""
    found = []
    for folder in folders:
        for where, subfolders, names in os.walk(folder):
            subfolders[:] = sorted(set(subfolders) - SKIPPED)
            for name in sorted(names):
                path = os.path.join(where, name)
                if (
                    os.path.isfile(path)
                    and not os.path.islink(path)
                    and os.access(path, os.R_OK)
                    and is_utf8(path)
                ):
                    found.append(path)
    return found


def is_utf8(path: str) -> bool:
    return path == path.encode(errors="replace").decode()


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`resqd start` on an embedded Valkey in `folder`, drained at the end; raises DemoError where it fails."""
    command = [
        sys.executable,
        "-m",
        "resqd",
        "start",
        "--app",
        "demo_jobs:app",
        "--queues",
        "demo",
        "--name",
        "demo",
    ]
    command += ["--workers", str(WORKERS), "--threads", str(THREADS), "--jobs-per-fork", str(JOBS_PER_FORK)]
    log = folder / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=BIN)
    try:
        yield process
        drain(process)
    except DemoError:
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def drain(process: subprocess.Popen[bytes]) -> None:
    """Let the daemon finish and end; raises DemoError where it does not end well."""
    process.send_signal(signal.SIGQUIT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    if process.poll() != 0:
        raise DemoError(f"the daemon ended with {process.poll()}; its log stands above")


def connected(process: subprocess.Popen[bytes]) -> redis.Redis:
    """A client of the daemon's Valkey, as soon as that answers."""
    url = default_url(os.environ)[0]
    path = Path(url.removeprefix("unix://"))
    end = time.monotonic() + START_SECONDS
    while not answers(path):
        if process.poll() is not None or time.monotonic() > end:
            raise DemoError("the daemon did not start; its log stands above")
        time.sleep(0.02)
    return redis.Redis.from_url(url)


def enqueue(paths: list[str]) -> None:
    """One job for each file, through the application as any producer would."""
    sys.path.insert(0, str(BIN))
    from demo_jobs import app, digest  # noqa: PLC0415 - the App reads its environment, which main() has only now set

    for start in range(0, len(paths), BATCH):
        digest.enqueue_many([(path,) for path in paths[start : start + BATCH]])
    app.close()  # or the server would live as long as this process


def titles(process: subprocess.Popen[bytes]) -> list[str]:
    """What `ps` shows of the daemon now."""
    shown = []
    with contextlib.suppress(psutil.Error):
        master = psutil.Process(process.pid)
        for one in [master, *master.children()]:
            with contextlib.suppress(psutil.Error):
                shown.append(f"{one.pid:>7} {' '.join(one.cmdline()).strip()}")
    return shown


def watch(console: Console, process: subprocess.Popen[bytes], client: redis.Redis, total: int) -> None:
    """Show the progress and the processes until every job is done or failed."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    progress = Progress(*columns, console=console)
    task = progress.add_task("files", total=total)
    moved, last = time.monotonic(), -1
    with Live(console=console, refresh_per_second=8) as live:
        while last < total:
            done = int(client.hlen("demo:results")) + int(client.llen("resque:failed"))
            if done != last:
                moved, last = time.monotonic(), done
            if process.poll() is not None or time.monotonic() - moved > STALL_SECONDS:
                raise DemoError(
                    f"the daemon stopped working at {done} of {total} files; its log stands above"
                )
            progress.update(task, completed=done)
            live.update(
                Group(
                    progress,
                    *(
                        Text(title, style="dim", no_wrap=True, overflow="ellipsis")
                        for title in titles(process)
                    ),
                )
            )
            time.sleep(0.05)
    if not console.is_terminal:
        console.line()  # the one frame that is shown there ends without it


def counted(client: redis.Redis, paths: list[str], seconds: float) -> Outcome:
    """Add up what the jobs wrote, and compare a sample with hashlib's word."""
    results = {os.fsdecode(path): json.loads(found) for path, found in client.hgetall("demo:results").items()}
    forks = Counter(found["pid"] for found in results.values())
    sample = random.Random(1).sample(paths, min(SAMPLE, len(paths)))
    wrong = [path for path in sample if results.get(path, {}).get("sha256") != sha256_of(path)]
    fewest, most = min(forks.values(), default=0), max(forks.values(), default=0)
    return Outcome(
        files=len(results),
        bytes=sum(found["bytes"] for found in results.values()),
        lines=sum(found["lines"] for found in results.values()),
        seconds=round(seconds, 3),
        jobs_per_second=round(len(results) / seconds, 1),
        forks=len(forks),
        jobs_per_fork=str(most) if fewest == most else f"{fewest} to {most}",
        failures=int(client.llen("resque:failed")),
        digests_checked=len(sample),
        differences=len(wrong),
    )


def sha256_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run(console: Console, paths: list[str], folder: Path) -> Outcome:
    """Start, enqueue, watch, count, stop."""
    os.environ.pop("REDIS_URL", None)
    os.environ.pop("STATE_DIRECTORY", None)
    os.environ.pop("RUNTIME_DIRECTORY", None)
    os.environ |= {"XDG_STATE_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    with daemon(folder) as process:
        client = connected(process)
        start = time.monotonic()
        enqueue(paths)
        watch(console, process, client, len(paths))
        outcome = counted(client, paths, time.monotonic() - start)
        client.close()
    wait_for_the_server(folder)
    return outcome


def wait_for_the_server(folder: Path) -> None:
    """Return when the daemon's Valkey has ended, which follows its last user's end; its files go next."""
    end = time.monotonic() + STOP_SECONDS
    with (folder / "resqd" / watcher.WATCHER).open("rb") as lock:
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.01)


def show(console: Console, outcome: Outcome) -> None:
    """The table at the end."""
    table = Table(title="resqd demo", show_header=False)
    for name, value in asdict(outcome).items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int | float) else value)
    console.print(table)


def main() -> int:
    """0 where every file was hashed and every digest of the sample is right."""
    parser = argparse.ArgumentParser(
        prog="bin/demo", description="Hash files with forked workers and their threads."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, help="default: this checkout and Python's standard library"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    console = Console(stderr=arguments.json)
    default = [BIN.parent, Path(sysconfig.get_paths()["stdlib"])]
    paths = files_under([arguments.folder.resolve()] if arguments.folder else default)
    if not paths:
        console.print(f"bin/demo: no readable files under {arguments.folder}")
        return 1
    try:
        with tempfile.TemporaryDirectory(prefix="resqd-demo-") as folder:
            outcome = run(console, paths, Path(folder))
    except DemoError as error:
        console.print(f"bin/demo: {error}")
        return 1
    if arguments.json:
        print(json.dumps(asdict(outcome)))
    else:
        show(console, outcome)
    return 0 if outcome.files == len(paths) and not outcome.differences and not outcome.failures else 1


if __name__ == "__main__":
    sys.exit(main())
