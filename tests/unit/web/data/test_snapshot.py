"""Who works on what, decided from what was read."""

import pytest

from resqd.store.names import WorkerId
from resqd.store.resque.glimpses import QueueLength
from resqd.store.resque.workers import WorkerStatus
from resqd.web.data.snapshot import Listeners, hosts_of, queues_of


def status(worker_id: str, beat: str, *, every: float = 12.0) -> WorkerStatus:
    """A worker as the registry has it."""
    ours = every > 0
    return WorkerStatus(None, WorkerId.parse(worker_id), None, beat, ours, every)  # type: ignore[arg-type] # none is asked


NOW = 1795586400.0
FRESH, OLD = "2026-11-25T05:59:59Z", "2026-11-25T05:59:30Z"


@pytest.mark.parametrize(
    ("beat", "every", "silent"),
    [
        (FRESH, 12.0, False),
        (OLD, 12.0, True),
        (OLD, 0.0, False),
        ("2026-11-25T05:58:00Z", 0.0, True),
        ("never", 12.0, True),
    ],
)
def test_a_worker_is_silent_after_its_own_interval(beat: str, every: float, silent: bool) -> None:
    """Daemons tell theirs; Ruby's beat once a minute."""
    (host,) = hosts_of([status("a:1:*:1:1:1", beat, every=every)], [], NOW)
    assert host.silent is silent


def test_queues_count_the_daemons_that_list_them() -> None:
    """By name, by pattern, or by `*`; silent ones do not count."""
    hosts = hosts_of(
        [
            status("a:1:mail,tenant.*:1:1:1", FRESH),
            status("b:1:*:1:1:1", FRESH),
            status("c:1:mail:1:1:1", OLD),
            status("r:1:mail", FRESH, every=0),
        ],
        [],
        NOW,
    )
    names = ["mail", "tenant.7", "other"]
    queues = queues_of([QueueLength(name, 1, None) for name in names], hosts, {}, Listeners())
    assert [queue.workers for queue in queues] == [3, 2, 1]
    assert hosts[0].worker.id.host == "c"


def test_what_was_found_is_forgotten_when_daemons_list_other_queues() -> None:
    """A deploy that takes a queue off the list leaves it without a worker."""
    listeners = Listeners()
    found = []
    for queues in ("mail,tenant.*", "mail,tenant.*", "mail"):
        listeners.learn(hosts_of([status(f"a:1:{queues}:1:1:1", FRESH)], [], NOW))
        found.append((listeners.of("mail"), listeners.of("tenant.7"), listeners.of("other")))
    assert found == [(1, 1, 0), (1, 1, 0), (1, 0, 0)]
