"""The names of all keys in Redis: Resque's own, and ours below `resqd:`."""

from __future__ import annotations

from dataclasses import dataclass

ONE_LANE = "all"
"""The lane that holds every queue's jobs in flight where all keys live on one server."""


def to_bytes(name: str) -> bytes:
    """The bytes of a name as Redis holds them; the inverse of `to_text`, whatever the bytes are."""
    return name.encode("utf-8", "surrogateescape")


def to_text(name: bytes) -> str:
    """The name for bytes from Redis; bytes that are not UTF-8 become lone surrogates."""
    return name.decode("utf-8", "surrogateescape")


def is_name(text: str) -> bool:
    """Whether bytes of Redis's can be meant: JSON, unlike them, may hold a lone surrogate of any kind."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Keys:
    """Every key, below one namespace. Worker ids, queues and daemons go into names as they are."""

    namespace: str = "resque"

    @property
    def queues(self) -> str:
        """The set of queues' names."""
        return f"{self.namespace}:queues"

    @property
    def queue_prefix(self) -> str:
        """What stands before a queue's name in its key."""
        return f"{self.namespace}:queue:"

    def queue(self, name: str) -> str:
        """The list of one queue's payloads."""
        return f"{self.namespace}:queue:{name}"

    @property
    def failed(self) -> str:
        """The list of failure records."""
        return f"{self.namespace}:failed"

    def failed_queue(self, queue: str) -> str:
        """The list of one queue's failure records, where each queue has its own."""
        return f"{self.namespace}:{queue}_failed"

    @property
    def failed_queues(self) -> str:
        """The set of the names of such lists."""
        return f"{self.namespace}:failed_queues"

    def stat(self, name: str) -> str:
        """A counter, such as `processed` or `failed:WORKER_ID`."""
        return f"{self.namespace}:stat:{name}"

    @property
    def workers(self) -> str:
        """The set of registered workers' ids."""
        return f"{self.namespace}:workers"

    @property
    def heartbeats(self) -> str:
        """The hash of worker id to the time of its last heartbeat."""
        return f"{self.namespace}:workers:heartbeat"

    def worker(self, worker_id: str) -> str:
        """What one registered worker works on, in stock Resque."""
        return f"{self.namespace}:worker:{worker_id}"

    def worker_started(self, worker_id: str) -> str:
        """When a registered worker started."""
        return f"{self.namespace}:worker:{worker_id}:started"

    def worker_threads(self, worker_id: str) -> str:
        """The set of a registered worker's busy threads."""
        return f"{self.namespace}:worker:{worker_id}:threads"

    def worker_thread(self, worker_id: str, pid: int, thread: str | int) -> str:
        """What one thread of one worker process runs."""
        return f"{self.namespace}:worker:{worker_id}:{pid}:{thread}"

    def worker_kills(self, worker_id: str, pid: int) -> str:
        """The list through which web pages ask a worker process to kill a thread's job."""
        return f"{self.namespace}:worker:{worker_id}:{pid}:kills"

    @property
    def daemons(self) -> str:
        """The hash of each life of a daemon (`HOST/NAME:EPOCH`) to its heartbeat counter."""
        return f"{self.namespace}:resqd:daemons"

    @property
    def intervals(self) -> str:
        """The hash of each life of a daemon to the seconds between its heartbeats, and of its id in the registry."""
        return f"{self.namespace}:resqd:intervals"

    def index(self, daemon: str) -> str:
        """The hash of incarnation id to JSON facts, of one daemon."""
        return f"{self.namespace}:resqd:index:{daemon}"

    def inflight(self, daemon: str, incarnation: str, lane: str = ONE_LANE) -> str:
        """The hash of jobs in flight in one lane of one incarnation."""
        return f"{self.namespace}:resqd:inflight:{daemon}:{incarnation}:{lane}"

    def suspects(self, daemon: str) -> str:
        """The list of a daemon's jobs that wait to be run alone."""
        return f"{self.namespace}:resqd:suspects:{daemon}"
