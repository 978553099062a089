"""A daemon with jobs that misbehave in every way, told what to do and watched by the tests of steering."""

import json
import os
import signal
from pathlib import Path
from typing import Any, Self

import redis

from resqd.cli.client import Client, NoDaemonError
from tests.support.daemon import Daemon
from tests.support.waiting import wait_for

_ROOT = Path(__file__).parents[2]
JOBS = Path(__file__).with_name("steered_jobs.py")
GRACE = 0.5
"""KILL_GRACE of these daemons, in seconds."""


class Station(Daemon):
    """The daemon, with a client of its control socket and the journal that its jobs keep."""

    def __init__(
        self,
        *flags: str,
        folder: Path,
        url: str,
        workers: int = 2,
        threads: int = 2,
        stdout: int | None = None,
        wait: bool = True,
        **environ: str,
    ) -> None:
        self._wait = wait
        self.code = folder / "steered.py"
        self.code.write_text(JOBS.read_text())
        self.journal = folder / "journal"
        self.journal.touch()
        given = {
            "REDIS_URL": url,
            "KILL_GRACE": str(GRACE),
            "HEARTBEAT_INTERVAL": "0.5",
            "JOURNAL": str(self.journal),
            "STEERED_FOLDER": str(folder),
            "PYTHONPATH": os.pathsep.join([str(_ROOT), str(folder)]),
            "PYTHONDONTWRITEBYTECODE": "1",  # the tests change the code within a second, which its cache would not see
        }
        shape = ["--workers", str(workers), "--threads", str(threads), "--jobs-per-fork", "0"]
        super().__init__(
            *("--app", "steered:app", "--queues", "q", *shape, *flags),
            folder=folder,
            environ=given | environ,
            stdout=stdout,
        )
        self.client = Client([Path(os.environ["XDG_RUNTIME_DIR"]) / "resqd" / "resqd.sock"])
        self.redis = redis.Redis.from_url(url)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            wait_for(self.all_booted if self._wait else self.answers, 20, what="the daemon is up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def call(self, command: str, **arguments: str | int) -> dict[str, Any]:
        """What resqctl does."""
        return self.client.call(command, timeout=20, **arguments)

    def status(self) -> dict[str, Any]:
        """The daemon's account of itself."""
        found: dict[str, Any] = self.call("status")["status"]
        return found

    def workers(self) -> list[dict[str, Any]]:
        """The workers of its status."""
        found: list[dict[str, Any]] = self.status()["workers"]
        return found

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.call("ping")["ok"])
        except NoDaemonError:
            return False

    def all_booted(self) -> bool:
        """Whether it answers, every child is up, and none is on its way out."""
        try:
            status = self.status()
        except NoDaemonError:
            return False
        housekeeper = status["housekeeper"]
        workers = status["workers"]
        up = [one for one in workers if one["booted"] and one["state"] in ("running", "paused")]
        all_up = len(up) == len(workers) == status["settings"]["worker_count"]
        return bool(all_up and housekeeper["redis"] == "ok")

    def pids(self) -> list[int]:
        """The workers' processes, by index."""
        return [worker["pid"] for worker in self.workers()]

    def push(self, job: str, *args: object, job_id: str = "", **options: float) -> None:
        """Enqueue a job of steered_jobs by its name; by default its first argument, the tag, is also its id.

        `options` are those that travel in the payload.
        """
        payload: dict[str, object] = {"resqd": options} if options else {}
        payload |= {"class": job, "args": list(args), "id": job_id or str(args[0])}
        self.redis.sadd("resque:queues", "q")
        self.redis.rpush("resque:queue:q", json.dumps(payload))

    def notes(self, what: str) -> list[str]:
        """The tags of all that was noted of this kind, in order, repetitions too."""
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return [tag for kind, tag, _ in lines if kind == what]

    def worker_of(self, tag: str) -> int:
        """The pid in which the job began last."""
        lines = [line.split() for line in self.journal.read_text().splitlines()]
        return [int(pid) for kind, found, pid in lines if (kind, found) == ("begun", tag)][-1]

    def worker_of_step(self) -> int:
        """The pid of the process that has noted something last."""
        return int(self.journal.read_text().splitlines()[-1].split()[2])

    def wait_begun(self, *tags: str, seconds: float = 10.0) -> None:
        """Until these jobs have begun."""
        wait_for(lambda: set(tags) <= set(self.notes("begun")), seconds, what=f"{tags} have begun")

    def wait_ended(self, *tags: str, seconds: float = 10.0) -> None:
        """Until these jobs have ended by themselves."""
        wait_for(lambda: set(tags) <= set(self.notes("ended")), seconds, what=f"{tags} have ended")

    def wait_acknowledged(self, count: int, seconds: float = 10.0) -> None:
        """Until so many jobs are done for Redis too, which comes a few milliseconds after their ends."""
        wait_for(
            lambda: int(self.redis.get("resque:stat:processed") or 0) >= count,
            seconds,
            what=f"{count} acknowledged",
        )

    def failures(self) -> dict[str, str]:
        """The failed list: each job's id with its exception."""
        records = [json.loads(record) for record in self.redis.lrange("resque:failed", 0, -1)]
        return {record["payload"]["id"]: record["exception"] for record in records}

    def later(self) -> dict[str, dict[str, Any]]:
        """The jobs that are to run later, by ticket: queue and payload."""
        found: Any = self.redis.hgetall("resque:resqd:later:jobs")
        return {ticket.decode(): json.loads(entry[3:]) for ticket, entry in found.items()}

    def tries(self, job_id: str) -> list[dict[str, Any]]:
        """What is kept of a job's tries."""
        found: Any = self.redis.hget("resque:resqd:later:attempts", job_id)
        return list(json.loads(found or b"[]"))

    def queued(self) -> list[str]:
        """The ids in the queue, in order."""
        found = self.redis.lrange("resque:queue:q", 0, -1)
        return [json.loads(one)["id"] for one in found]

    def kick(self, pid: int, number: signal.Signals) -> None:
        """Signal one worker; the pid is of the status just read."""
        self.tree()
        os.kill(pid, number)
