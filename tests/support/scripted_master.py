"""A process with the real control server in a loop like the master's, and a handler that plays a daemon.

Run as a program: `scripted_master.py SOCKET`. The handler knows no workers; what it says about them is made up.
"""

from __future__ import annotations

import os
import resource
import selectors
import sys
import time
from pathlib import Path
from typing import Any

from resqd.master.commands.server import ControlServer, Request

JOB = {"id": "f00d", "class": "Archive", "queue": "mail", "running_s": 12.5}
TEXT = "\x1b[31mred\n"


class ScriptedMaster:
    """Answers like a daemon with one worker of two threads, which runs JOB until it drained for a second."""

    def __init__(self, path: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.server = ControlServer(path=path, selector=self.selector)
        self.state = "running"
        self.ends_at: float | None = None
        self.later: list[tuple[float, Request, dict[str, Any]]] = []

    def run(self) -> None:
        while self.ends_at is None or time.monotonic() < self.ends_at:
            for key, events in self.selector.select(self.pause()):
                key.data.ready(key, events)
            while (request := self.server.take()) is not None:
                self.handle(request)
            now = time.monotonic()
            self.server.tick(now)
            self.answer_later(now)
        self.server.close()

    def pause(self) -> float | None:
        dues = [self.server.next_at(), self.ends_at, *(at for at, _, _ in self.later)]
        known = [due for due in dues if due is not None]
        return max(0.0, min(known) - time.monotonic()) if known else None

    def answer_later(self, now: float) -> None:
        for entry in [entry for entry in self.later if entry[0] <= now]:
            self.later.remove(entry)
            entry[1].reply(entry[2])

    def handle(self, request: Request) -> None:
        plays = {
            "status": self.status,
            "pause": self.pause_jobs,
            "kill": self.kill,
            "drain": self.drain,
            "stop": self.stop,
            "resume": self.resume,
            "reload": self.reload,
            "stacks": self.stacks,
        }
        plays.get(request.command, self.agree)(request)

    def agree(self, request: Request) -> None:
        request.reply({"ok": True, **request.arguments})

    def status(self, request: Request) -> None:
        request.reply({"ok": True, "status": self.account()})

    def pause_jobs(self, request: Request) -> None:
        self.state = "paused" if self.state == "running" else self.state
        request.reply({"ok": True, "state": self.state})

    def kill(self, request: Request) -> None:
        if request.arguments["job_id"] == "never":
            return
        if request.arguments["job_id"] == JOB["id"]:
            self.later.append((time.monotonic() + 0.3, request, {"ok": True}))
        else:
            request.reply({"ok": False, "error": "no such job runs"})

    def drain(self, request: Request) -> None:
        self.state, self.ends_at = "draining", time.monotonic() + 1.0
        request.reply({"ok": True})

    def stop(self, request: Request) -> None:
        self.state, self.ends_at = "stopping", time.monotonic() + 0.5
        request.reply({"ok": True})

    def resume(self, request: Request) -> None:
        self.state, self.ends_at = "running", None
        request.reply({"ok": True})

    def reload(self, request: Request) -> None:
        request.reply({"ok": False, "error": "jobs.py does not import:\nSyntaxError"})

    def stacks(self, request: Request) -> None:
        filler = "x" * 1000 * 1000  # far more than a socket's buffer
        request.reply({"ok": True, "stacks": [{"worker": 0, "pid": 7, "text": TEXT + filler}]})

    def account(self) -> dict[str, Any]:
        worker = {
            "index": 0,
            "pid": 7,
            "state": self.state,
            "booted": True,
            "jobs_done": 512,
            "jobs_per_fork": 1000,
            "rss_bytes": 50 << 20,
            "cpu_percent": 12.0,
            "threads": [{"index": 0, "job": JOB}, {"index": 1, "job": None}],
            "last_exit": None,
        }
        return {
            "name": "mail",
            "version": "1.0.0",
            "state": self.state,
            "pid": os.getpid(),
            "uptime_s": 3700.0,
            "settings": {},
            "totals": {"processed": 12345, "failed": 6, "per_second": 3204.5},
            "workers": [worker],
            "housekeeper": {"pid": 8, "state": "running", "redis": "connection refused", "since": 3.0},
            "pause_reasons": [],
        }


def main() -> None:
    master = ScriptedMaster(Path(sys.argv[1]))
    master.server.start()
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), int(sys.argv[2])))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    master.run()


if __name__ == "__main__":
    main()
