"""The names of all keys in Redis."""

from __future__ import annotations

from dataclasses import dataclass


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

    def removed(self, name: str) -> str:
        """Where the jobs of a queue go that is removed, until what they owe is settled."""
        return f"{self.namespace}:resqd:removed:{name}"

    @property
    def creditors(self) -> tuple[str, ...]:
        """What is there when any job may owe something at its end."""
        return (self.unique, self.results_kept)

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

    @property
    def classes(self) -> str:
        """The hash of each life of a daemon to which classes of jobs it knows, and its queues."""
        return f"{self.namespace}:resqd:classes"

    @property
    def classes_left(self) -> str:
        """The hash of each life in `classes` that has ended to when that was noticed, in seconds since 1970."""
        return f"{self.namespace}:resqd:classes:left"

    @property
    def lives(self) -> str:
        """The hash of a registered worker's id to the life of the daemon that it is."""
        return f"{self.namespace}:resqd:lives"

    def acts(self, life: str) -> str:
        """The list of what web pages ask of one life of a daemon."""
        return f"{self.namespace}:resqd:acts:{life}"

    @property
    def act_answers(self) -> str:
        """The list of what came of such acts, the newest first."""
        return f"{self.namespace}:resqd:answers"

    def index(self, daemon: str) -> str:
        """The hash of incarnation id to JSON facts, of one daemon."""
        return f"{self.namespace}:resqd:index:{daemon}"

    def inflight(self, daemon: str, incarnation: str) -> str:
        """The hash of jobs in flight of one incarnation."""
        return f"{self.namespace}:resqd:inflight:{daemon}:{incarnation}:all"

    @property
    def turns(self) -> str:
        """The hash of entries of QUEUES whose queues have turns to the place and name of the one served last."""
        return f"{self.namespace}:resqd:turns"

    @property
    def later(self) -> str:
        """The sorted set of tickets of jobs that are to run later, by microseconds since 1970 when they are due."""
        return f"{self.namespace}:resqd:later"

    @property
    def later_jobs(self) -> str:
        """The hash of ticket to the queue and payload of a job that is to run later."""
        return f"{self.namespace}:resqd:later:jobs"

    @property
    def later_attempts(self) -> str:
        """The hash of a job's id to what is kept of its last tries."""
        return f"{self.namespace}:resqd:later:attempts"

    @property
    def unique(self) -> str:
        """The hash of the locks of unique jobs: fingerprint to since when, in microseconds since 1970, and ticket."""
        return f"{self.namespace}:resqd:unique"

    @property
    def unique_windows(self) -> str:
        """The sorted set of fingerprints that must not come again, by the microsecond until which."""
        return f"{self.namespace}:resqd:unique:windows"

    @property
    def unique_sweep(self) -> str:
        """Who looks for locks without jobs at present."""
        return f"{self.namespace}:resqd:unique:sweep"

    @property
    def cron(self) -> str:
        """The hash of the timetable: an entry's name to its JSON."""
        return f"{self.namespace}:resqd:cron"

    @property
    def cron_next(self) -> str:
        """The sorted set of entries' names by the time, in seconds, when they are due next."""
        return f"{self.namespace}:resqd:cron:next"

    @property
    def cron_runs(self) -> str:
        """The hash of an entry's name to the last time that was due, and its latest runs."""
        return f"{self.namespace}:resqd:cron:runs"

    @property
    def cron_paused(self) -> str:
        """The hash of a paused entry's name to who paused it, and when."""
        return f"{self.namespace}:resqd:cron:paused"

    @property
    def cron_tables(self) -> str:
        """The hash of each life of a daemon to which entries its application declares."""
        return f"{self.namespace}:resqd:cron:tables"

    @property
    def cron_texts(self) -> str:
        """The hash of the digests in `cron_tables` to the entries."""
        return f"{self.namespace}:resqd:cron:texts"

    @property
    def cron_version(self) -> str:
        """What changes with the entries and the tables."""
        return f"{self.namespace}:resqd:cron:version"

    @property
    def batches(self) -> str:
        """The sorted set of batches' ids by the microsecond when they were made."""
        return f"{self.namespace}:resqd:batches"

    @property
    def batches_open(self) -> str:
        """The sorted set of ids of batches that are being filled, by the microsecond until when they may be."""
        return f"{self.namespace}:resqd:batches:open"

    @property
    def batches_sweep(self) -> str:
        """Who looks for members of batches without jobs at present."""
        return f"{self.namespace}:resqd:batches:sweep"

    def batch(self, batch_id: str) -> tuple[str, str, str, str]:
        """A batch's facts, the sets of its jobs that are pending and that have failed, and a workflow's nodes."""
        head = f"{self.namespace}:resqd:batch:{batch_id}"
        return head, f"{head}:pending", f"{head}:failed", f"{head}:nodes"

    @property
    def parked(self) -> str:
        """The hash of ticket to the gates and the entry of a job that waits since a limit is full."""
        return f"{self.namespace}:resqd:parked"

    @property
    def passes(self) -> str:
        """The hash of a payload's digest to when its job began to wait, and when it was given a pass."""
        return f"{self.namespace}:resqd:passes"

    @property
    def limits(self) -> str:
        """The hash of a limit's name to its definition, as the application declares it."""
        return f"{self.namespace}:resqd:limits"

    @property
    def limits_declared(self) -> str:
        """The hash of each life of a daemon to the limits that its application declares."""
        return f"{self.namespace}:resqd:limits:declared"

    @property
    def limits_set(self) -> str:
        """The hash of a limit's name to the number that people have set in place of the declared one."""
        return f"{self.namespace}:resqd:limits:set"

    @property
    def gates(self) -> str:
        """The set of gates at which jobs wait."""
        return f"{self.namespace}:resqd:gates"

    @property
    def gate_prefix(self) -> str:
        """What the names of a gate's own keys begin with: see store/gates/gates.lua."""
        return f"{self.namespace}:resqd:gate:"

    @property
    def history_merger(self) -> str:
        """The token of the daemon that merges rows of the history now."""
        return f"{self.namespace}:resqd:history:merger"

    @property
    def history_rows(self) -> str:
        """The hash of `MINUTE:AUTHOR` to what one daemon counted in that minute; empty once that is merged."""
        return f"{self.namespace}:resqd:history:rows"

    def history(self, span: int) -> str:
        """The hash of first second to what all counted in spans of so many seconds."""
        return f"{self.namespace}:resqd:history:{span}"

    @property
    def results_kept(self) -> str:
        """Is there once a job was enqueued whose end is kept."""
        return f"{self.namespace}:resqd:results"

    def result(self, job_id: str) -> str:
        """How a job ended, and what it returned, for as long as that is kept."""
        return f"{self.namespace}:resqd:result:{job_id}"

    def task(self, job_id: str) -> str:
        """What is kept of a framework's task: see store/tasks/begin.lua."""
        return f"{self.namespace}:resqd:task:{job_id}"

    @property
    def relayed(self) -> tuple[str, ...]:
        """Sets of digests of the rows of outboxes that were seen, one for each four hours; used anew after 28."""
        return tuple(f"{self.namespace}:resqd:relayed:{i}" for i in range(7))

    @property
    def shard(self) -> str:
        """The hash of what a shard knows of itself: its id, its home's, and whether it is closed."""
        return f"{self.namespace}:resqd:shard"

    @property
    def shard_moving(self) -> str:
        """The hash of what was put aside here to go to another shard."""
        return f"{self.namespace}:resqd:shard:moving"

    def shard_came(self, daemon: str, incarnation: str) -> str:
        """The hash, at home, of the tokens of jobs that one incarnation on another shard has sent there."""
        return f"{self.namespace}:resqd:shard:came:{daemon}:{incarnation}"

    def shard_moved(self, source: str) -> str:
        """The hash of the names of what came from another shard, by that one's id."""
        return f"{self.namespace}:resqd:shard:moved:{source}"

    def suspects(self, daemon: str) -> str:
        """The list of a daemon's jobs that wait to be run alone."""
        return f"{self.namespace}:resqd:suspects:{daemon}"
