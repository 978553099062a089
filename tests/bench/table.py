"""The benchmark's table: every row with its unit and target, and the measures that give the rows their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.bench import Bench
from tests.bench.measures import (
    batches,
    costs,
    elsewhere,
    failing,
    fairness,
    footprint,
    gates,
    growth,
    latency,
    later,
    producing,
    shards,
    throughput,
    turns,
)
from tests.bench.peers import side_by_side


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table; a target is a least or a greatest value, and `aim` is what is hoped for beyond it."""

    name: str
    title: str
    unit: str
    least: float | None = None
    most: float | None = None
    aim: float | None = None

    def met(self, value: float) -> bool | None:
        """Whether a value reaches the target; None where there is none."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True)
class Measure:
    """What is run together. `weight` is its share of the time; it may give more values than it has rows."""

    name: str
    run: Callable[[Bench], dict[str, float]]
    weight: float
    rows: tuple[Row, ...]


JOBS, PERCENT, MILLISECONDS, MICROSECONDS = "jobs/s", "%", "ms", "us"

MEASURES = (
    Measure("throughput", throughput.throughput, 150, (
        Row("bare", "the bare loop, one process for each core", JOBS),
        Row("throughput", "2 workers x 8 threads, JOBS_PER_FORK 0", JOBS, least=200_000, aim=300_000),
        Row("throughput-of-bare", "of the bare loop", PERCENT, least=50),
        Row("throughput-no-statsd", "the same without statsd", JOBS),
        Row("fork-1000", "2 x 8, JOBS_PER_FORK 1000", JOBS),
        Row("fork-1000-of-0", "of that with JOBS_PER_FORK 0", PERCENT, least=40),
        Row("dip", "its longest standstill", MILLISECONDS, most=50),
        Row("fork-100", "2 x 8, JOBS_PER_FORK 100", JOBS, least=15_000),
    )),
    Measure("costs", costs.costs, 25, (
        Row("server-cpu", "Redis's processor for a job, 2 x 8", MICROSECONDS, most=4, aim=2.5),
        Row("worker-cpu", "the daemon's processor for a job", MICROSECONDS, most=8, aim=6),
    )),
    Measure("fork-1", throughput.fork_each, 25, (
        Row("fork-1", "2 x 1, JOBS_PER_FORK 1", JOBS, least=200, aim=400),
    )),
    Measure("naps", throughput.naps, 25, (
        Row("naps", "2 x 16, jobs that sleep for 1 ms", JOBS, least=27_200),
    )),
    Measure("isolated", elsewhere.isolated, 25, (
        Row("isolated", "2 x 4, a process for each job", JOBS, least=250),
    )),
    Measure("async", elsewhere.awaiting, 25, (
        Row("async", "2 x 500 on event loops, jobs that await 10 ms", JOBS, least=15_000),
    )),
    Measure("latency", latency.latency, 50, (
        Row("latency-p50", "push to start, idle, 2 x 8: median", MILLISECONDS, most=0.4),
        Row("latency-p99", "99 of 100", MILLISECONDS, most=1.5),
    )),
    Measure("enqueue", producing.producing, 15, (
        Row("enqueue-many", "enqueue_many, one process", JOBS, least=200_000, aim=500_000),
        Row("enqueue", "enqueue, one process", JOBS, least=12_000, aim=20_000),
        Row("enqueue-p99", "99 of 100", MILLISECONDS, most=1, aim=0.3),
        Row("enqueue-threads", "enqueue, a hundred threads of one process", JOBS, least=8_000),
    )),
    Measure("later", later.putting, 15, (
        Row("enqueue-in", "enqueue_in, one process", JOBS),
        Row("enqueue-in-of-enqueue", "of enqueue", PERCENT, least=60),
        Row("enqueue-in-many", "many at once to run later, one process", JOBS, least=100_000),
        Row("later-memory", "Redis's memory for one, beyond its payload", "B", most=500),
    )),
    Measure("batches", batches.batches, 30, (
        Row("batch-put", "jobs of one batch put, one process", JOBS, least=35_000),
        Row("batch", "jobs of one batch done, 2 x 8", JOBS),
        Row("batch-of-plain", "of as many plain ones, in turns", PERCENT, least=50),
        Row("batch-end", "from the queue's end to both callbacks", MILLISECONDS, most=500),
    )),
    Measure("failing", failing.failing, 20, (
        Row("fail", "jobs that fail for good, 2 x 8", JOBS),
        Row("retry", "jobs that fail and are tried again", JOBS),
        Row("retry-of-fail", "the cost of such a failure, in ones for good", "x", most=1.3),
    )),
    Measure("promotion", later.promotion, 15, (
        Row("promotion", "jobs that are due, to their queue", JOBS, least=100_000),
        Row("promotion-call-p99", "99 of 100 calls hold Redis for at the most", MILLISECONDS, most=5),
    )),
    Measure("due", later.due, 30, (
        Row("due-p50", "due to start, idle, 2 x 8: median", MILLISECONDS, most=5),
        Row("due-p99", "99 of 100", MILLISECONDS, most=25),
    )),
    Measure("memory", footprint.memory, 25, (
        Row("memory", "memory (PSS) of the whole daemon, 2 x 8", "MB", most=50),
        Row("memory-worker", "each further worker", "MB", most=8),
    )),
    Measure("idle", footprint.idle, 60, (
        Row("idle-commands", "Redis commands while idle, 2 x 8", "/s", most=6),
        Row("idle-cpu", "processor while idle", PERCENT, most=0.3),
    )),
    Measure("growth-depth", growth.depth, 50, (
        Row("growth-depth", "throughput, from 10,000 to 1,000,000 queued", PERCENT, least=-10),
    )),
    Measure("growth-threads", growth.threads, 60, (
        Row("growth-threads", "throughput, from 1 to 64 threads", PERCENT, least=-10),
    )),
    Measure("growth-workers", growth.workers, 60, (
        Row("growth-workers", "throughput, from 1 to 8 workers", PERCENT, least=-10),
    )),
    Measure("growth-queues", growth.queues, 60, (
        Row("growth-queues", "throughput, from 1 to 1,000 queues", PERCENT, least=-30),
    )),
    Measure("turns", turns.turns, 40, (
        Row("turns", "10,000 tenants in turn, 2 x 8", JOBS),
        Row("turns-of-one", "of as many in one queue", PERCENT, least=70),
        Row("turns-least", "the least served tenant, of the mean, after 100,000 jobs", PERCENT, least=90),
    )),
    Measure("gates", gates.throughput, 60, (
        Row("gated-wide", "behind a gate with room, 2 x 8", JOBS),
        Row("gated-wide-of-plain", "of as many plain ones, in turns", PERCENT, least=50),
        Row("gated-each-of-plain", "behind 500 gates with room", PERCENT),
        Row("gated-rated-of-plain", "under a rate that is not reached", PERCENT, least=50),
    )),
    Measure("freed", gates.freed, 10, (
        Row("freed-p50", "a freed slot to the next start: median", MILLISECONDS, most=2),
        Row("freed-p99", "99 of 100", MILLISECONDS, most=20),
    )),
    Measure("rate", gates.paced, 40, (
        Row("rate-most", "Rate(100, per=1): the most that start in any second", "", most=100),
        Row("rate-share", "of those that may", PERCENT, least=99),
    )),
    Measure("parked", gates.parked, 40, (
        Row("parked-other", "behind a million parked jobs another one starts after", "s", most=15),
        Row("parked-then", "and others, once they are parked: median", MILLISECONDS, most=10),
    )),
    Measure("shards", shards.shards, 40, (
        Row("shards-one", "one Redis that may run a tenth of the time, 2 x 8", JOBS),
        Row("shards-two", "two shards on two such", JOBS),
        Row("shards-of-one", "of one", PERCENT, least=180),
    )),
    Measure("fairness", fairness.fairness, 25, (
        Row("fairness", "a worker idles while another holds unstarted jobs", MILLISECONDS, most=100),
    )),
)  # fmt: skip


PEERS = Measure("peers", side_by_side.side_by_side, 1, ())
"""Other systems, which are measured only when asked for."""


def chosen(names: list[str], *, peers: bool = False) -> list[Measure]:
    """The measures of these names or rows, in the table's order; ValueError for a name that is neither."""
    every = (*MEASURES, PEERS)
    known = {name for measure in every for name in _names(measure)}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no measure is named {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    wanted = [one for one in every if _names(one) & set(names)] if names else list(MEASURES)
    return [*wanted, PEERS] if peers and PEERS not in wanted else wanted


def _names(measure: Measure) -> set[str]:
    return {measure.name, *(row.name for row in measure.rows)}
