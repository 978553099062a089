"""How the Ruby fork names a worker in Redis: host:pid:queues:WORKERS:THREADS:JOBS_PER_FORK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resqd.store.keys import number

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class WorkerId:
    """A registered worker's name, taken apart. Stock Resque's has no counts: they are None."""

    text: str
    host: str
    pid: int
    queues: tuple[str, ...]
    worker_count: int | None = None
    thread_count: int | None = None
    jobs_per_fork: int | None = None

    @classmethod
    def build(
        cls,
        *,
        host: str,
        pid: int,
        queues: Sequence[str],
        worker_count: int,
        thread_count: int,
        jobs_per_fork: int,
    ) -> WorkerId:
        """The id of a daemon. A ':' in a queue or host is written `~`; no queues are written `*`.

        Ruby's pruning and pages take the id apart at its colons and fail where a part is missing or empty.
        """
        safe = [part.replace(":", "~") for part in (host or "unknown", ",".join(queues) or "*")]
        text = f"{safe[0]}:{pid}:{safe[1]}:{worker_count}:{thread_count}:{jobs_per_fork}"
        return cls(text, host, pid, tuple(queues), worker_count, thread_count, jobs_per_fork)

    @classmethod
    def parse(cls, text: str) -> WorkerId:
        """The parts of an id, whoever wrote it; parts that it lacks are empty, 0 or None. Never raises."""
        parts = [*text.split(":"), "", "", ""]
        queues = tuple(queue for queue in parts[2].replace("~", ":").split(",") if queue)
        counts = [number(part) for part in [*parts[3:], "", "", ""]]
        return cls(text, parts[0], number(parts[1]) or 0, queues, counts[0], counts[1], counts[2])

    def __str__(self) -> str:
        return self.text
