"""What Redis told of all hosts, as lines."""

from __future__ import annotations

from resqd.cli.top.fleet import look_at
from resqd.store.names import WorkerId
from resqd.store.resque.pauses import Note
from resqd.store.resque.workers import WorkerStatus, WorkerThreadStatus
from resqd.web.data.samples import Sample, Samples
from resqd.web.data.snapshot import Queue, Snapshot, hosts_of, running_of

NOW = 1795586400.0
FRESH, OLD = "2026-11-25T05:59:59Z", "2026-11-25T05:58:30Z"


def worker(worker_id: str, beat: str, *, every: float = 12.0) -> WorkerStatus:
    return WorkerStatus(None, WorkerId.parse(worker_id), None, beat, every > 0, every)  # type: ignore[arg-type] # none is asked


def snapshot() -> Snapshot:
    busy, ruby = worker("a:10:mail:2:3:1", FRESH), worker("r:30:mail", FRESH, every=0)
    silent = worker("b:20:*:1:4:1", OLD)
    payload = {"class": "Send\x1b", "args": [], "id": "f00d"}
    runs = running_of(WorkerThreadStatus(busy, 11, "2", "mail", "2026-11-25T05:58:55Z", payload))
    hosts = hosts_of([busy, ruby, silent], [runs], NOW)
    note = Note(by="ada", at=None, why=None)
    queues = (Queue("mail", 1200, 5.0, 2, 1), Queue("low", 0, None, 1, 0, note), Queue("x", None, None, 0, 0))
    return Snapshot(NOW, queues, tuple(hosts), 5_000, 7, 3, 0.001, later=4)


def test_each_running_job_is_a_line_and_each_idle_daemon() -> None:
    """Whose it is, for how long, what; names from elsewhere do no harm."""
    lines = {line.cells[0]: line for line in look_at(snapshot(), Samples()).lines}
    assert lines["a"].cells == ("a", "11", "2", "1m 05s", "Send\\x1b", "mail", "resqd", "f00d")
    assert lines["a"].job == "Send\\x1b f00d"
    assert lines["b"].cells == ("b", "20", "-", "-", "(idle, 4 threads)", "", "resqd, silent", "")
    assert lines["r"].cells[6] == "Ruby"
    assert (lines["r"].job, lines["r"].order[3]) == ("", -1.0)


def test_the_head_has_the_sums_and_what_is_wrong() -> None:
    """The rate is of the last seconds; silent hosts and pauses have lines of their own."""
    samples = Samples()
    samples.add(Sample(NOW - 5, 4_000, 7, 0, 0))
    samples.add(Sample(NOW, 5_000, 7, 0, 0))
    assert [remark.text for remark in look_at(snapshot(), samples).head] == [
        "2 daemons  1 of Ruby's workers  1 of 7 threads busy  5,000 processed  7 failed  200/s",
        "1,200 waiting  4 later  3 in failed  longest: mail 1,200",
        "silent: b pid 20",
        "paused queues: low",
    ]
