"""The names of resque-scheduler's keys, as the Ruby program makes them."""

from __future__ import annotations

from dataclasses import dataclass

from resqd.store.names import number, to_bytes


def list_name(timestamp: int) -> str:
    """The list of one moment, without the namespace: so it stands in the sets of a payload's moments."""
    return f"delayed:{timestamp}"


def timestamp_of(name: bytes) -> int | None:
    """The moment that such a name tells, in seconds since 1970; None where it tells none."""
    head, _, digits = name.partition(b":")
    return number(digits) if head == b"delayed" else None


@dataclass(frozen=True, slots=True)
class SchedulerKeys:
    """Every key of resque-scheduler's below one namespace."""

    namespace: str = "resque"

    @property
    def schedule(self) -> str:
        """The sorted set of moments (seconds since 1970) at which delayed jobs are due."""
        return f"{self.namespace}:delayed_queue_schedule"

    def delayed(self, timestamp: int) -> str:
        """The list of payloads that are due at one moment."""
        return f"{self.namespace}:{list_name(timestamp)}"

    def timestamps(self, payload: bytes) -> bytes:
        """The set of the lists in which a payload stands. The payload is part of the name, byte for byte."""
        return to_bytes(f"{self.namespace}:timestamps:") + payload

    @property
    def persistent_schedules(self) -> str:
        """The hash of schedules by name that were made at run time."""
        return f"{self.namespace}:persistent_schedules"

    @property
    def last_enqueued(self) -> str:
        """The hash of schedules by name to when they last enqueued their job."""
        return f"{self.namespace}:delayed:last_enqueued_at"

    def other(self, name: str) -> bytes:
        """A key of a plugin's that goes with it."""
        return to_bytes(f"{self.namespace}:") + name.encode("utf-8", "surrogatepass")

    def lock(self, prefix: str = "") -> str:
        """What the one working scheduler holds. Ruby puts the namespace before it, and Redis::Namespace again."""
        name = f"{prefix}:resque_scheduler_master_lock" if prefix else "resque_scheduler_master_lock"
        return f"{self.namespace}:{self.namespace}:{name}"
