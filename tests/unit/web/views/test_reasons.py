"""Why jobs do not run, as the page says it."""

from dataclasses import replace

from resqd.store.names import WorkerId
from resqd.store.resque.pauses import Note
from resqd.store.resque.workers import WorkerManager, WorkerStatus
from resqd.web.data.snapshot import Host, Queue, Snapshot
from resqd.web.views.reasons import of_job_seen, of_queue_seen

EMPTY = Snapshot(now=100.0, queues=(), hosts=(), processed=0, failed=0, failures_kept=0, took=0.0)


def host(queues: str, *, silent_for: float = 1.0, silent: bool = False) -> Host:
    manager: WorkerManager = None  # type: ignore[assignment] # nothing asks Redis here
    worker = WorkerStatus(manager, WorkerId.parse(f"web1:7:{queues}:1:2:50"), None, None, ours=True)
    return Host(worker, silent_for, silent, ())


def names(look: Snapshot, size: int = 3) -> list[str]:
    return [reason.name for reason in of_queue_seen(look, "mail", size)]


def mail(**facts: object) -> Snapshot:
    return replace(EMPTY, queues=(Queue("mail", 3, 90.0, 1, 0),), **facts)  # type: ignore[arg-type] # its own fields


def test_a_queue_that_nobody_hears() -> None:
    """Others' queues do not count; patterns do."""
    assert names(mail(hosts=(host("billing"),))) == ["unheard"]
    assert names(mail(hosts=(host("m*"),))) == ["served"]
    assert names(EMPTY, 0) == ["unknown", "unheard", "empty"]


def test_a_silent_daemon_is_none_that_serves() -> None:
    """By the page's own patience, whatever it is of seconds."""
    told = of_queue_seen(mail(hosts=(host("mail", silent=True, silent_for=float("inf")),)), "mail", 3)
    assert (told[0].name, told[0].stops) == ("silent", True)


def test_pauses_come_first() -> None:
    """With who, since when and why; and the key that pauses all."""
    paused = Queue("mail", 3, 90.0, 1, 0, Note(by="ada", at=90.0, why="migration"))
    look = replace(EMPTY, queues=(paused,), hosts=(host("mail"),), all_paused_by="pause-all-workers")
    told = of_queue_seen(look, "mail", 3)
    assert [each.name for each in told][:2] == ["all_paused", "paused"]
    assert "by ada since 1970-01-01 00:01:30 UTC: migration" in told[1].says


def test_a_job_that_waits() -> None:
    """Its place, then why its queue does not move."""
    told = of_job_seen(mail(), "ab12", "mail", position=2)
    assert [each.name for each in told] == ["waiting", "unheard"]
    assert "behind 2 others" in told[0].says
