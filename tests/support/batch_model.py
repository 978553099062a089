"""What the model of batches expects of one."""

from dataclasses import dataclass, field


@dataclass
class Expected:
    """What a batch must be like; members are numbers of jobs, and `batch:ID`."""

    lineage: tuple[str, ...]
    open: bool = True
    pending: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    waits: dict[str, set[str]] = field(default_factory=dict)
    """Of a job that is not enqueued, the ones that must have succeeded before."""
    skipped: int = 0
    done: bool = False
    succeeded: bool = False
    cancelled: bool = False
    ever: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return self.lineage[0]
