"""Every setting: its value, variable, flag and parser, and the line of help that users read."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from resqd import parsing, queue_specs, sharding
from resqd.queue_specs import QueueSpec
from resqd.settings import presets
from resqd.settings.option import setting

DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a daemon can be told; times are in seconds. Help, manual and systemd/resqd.env show it in this order."""

    # A table, so laid out by hand: the value, variable, flag and parser; then the help.
    # fmt: off
    app: str | None = setting(
        None, "RESQD_APP", "--app MODULE:ATTR", parsing.application,
        "where the App with the jobs is")
    queues: tuple[QueueSpec, ...] = setting(
        (QueueSpec("*"),), "QUEUES", "--queues LIST", queue_specs.to_weigh,
        "queues in order, with commas: names, globs (* ? [] {}), caps on threads (name:4, name:50%)",
        shown="*", aliases=("QUEUE",))
    order: str = setting(
        "strict", "RESQD_ORDER", "--order strict|weighted|round-robin",
        parsing.choice("strict", "weighted", "round-robin"),
        "the first queue first, shares by the weights in QUEUES (critical*5,mail*2,low), or equal shares in turn")
    worker_count: int = setting(
        1, "WORKER_COUNT", "--workers N", parsing.whole(1, 1024),
        "worker processes")
    thread_count: int = setting(
        1, "THREAD_COUNT", "--threads N", parsing.whole(1, 1024),
        "job threads in each worker, started as jobs need them")
    async_count: int = setting(
        100, "ASYNC_COUNT", "--async N", parsing.whole(1, 10_000),
        "async jobs at a time in each worker, on one event loop, where the application has such jobs")
    jobs_per_fork: int = setting(
        1, "JOBS_PER_FORK", "--jobs-per-fork N", parsing.whole(0, 1_000_000_000),
        "jobs that a worker runs before it is replaced; 0: never replaced")
    preset: str = setting(
        "resque", "RESQD_PRESET", "--preset resque|balanced|throughput", parsing.choice(*presets.NAMES),
        "workers, threads and jobs a fork in one word: a fork for each job; a worker a CPU with 5 threads, 500 jobs a "
        "fork; or with 10 threads, never replaced. What is set by itself wins")
    interval: float = setting(
        0.1, "INTERVAL", "--interval SECONDS", parsing.seconds(0, 3600),
        "pause between looks at empty queues; 0: run until the queues are empty, then exit")
    redis_url: str | None = setting(
        None, "REDIS_URL", "--redis-url URL", sharding.url,
        "the Redis or Valkey server; unset: the embedded one, else redis://localhost:6379")
    redis_shards: tuple[str, ...] = setting(
        (), "REDIS_SHARDS", "--redis-shards URLS", sharding.urls,
        "several servers, with spaces between their URLs: plain jobs are spread over all, keyed ones are on the first",
        shown="")
    namespace: str = setting(
        "resque", "RESQD_NAMESPACE", "--namespace PREFIX", parsing.namespace,
        "prefix of all Redis keys; on the embedded server a second project has its own")
    name: str = setting(
        "resqd", "RESQD_NAME", "--name NAME", parsing.label,
        "this daemon's name, one of its kind on a host")
    host: str = setting(
        socket.gethostname, "RESQD_HOST", "--host NAME", parsing.label,
        "this host's name as other hosts see it",
        shown="the host's name")
    kill_grace: float = setting(
        5.0, "KILL_GRACE", "--kill-grace SECONDS", parsing.seconds(0, DAY),
        "how long a job that is being stopped may take to clean up")
    drain_timeout: float = setting(
        50.0, "DRAIN_TIMEOUT", "--drain-timeout SECONDS", parsing.seconds(0, 30 * DAY),
        "how long a drain waits for running jobs before it stops them")
    term: str = setting(
        "stop", "RESQD_TERM", "--term stop|drain|requeue", parsing.choice("stop", "drain", "requeue"),
        "what TERM and Ctrl-C mean: kill the jobs, let them finish, or that and put back what is not done in time")
    boot_timeout: float = setting(
        30.0, "BOOT_TIMEOUT", "--boot-timeout SECONDS", parsing.seconds(0.1, DAY),
        "how long a forked worker may take to be ready")
    hang_timeout: float = setting(
        60.0, "HANG_TIMEOUT", "--hang-timeout SECONDS", parsing.seconds(0.1, DAY),
        "how long a worker may be silent with its CPU time standing still before it is replaced")
    hang_busy_timeout: float = setting(
        0.0, "HANG_BUSY_TIMEOUT", "--hang-busy-timeout SECONDS", parsing.seconds(0, 30 * DAY),
        "the same for a silent worker whose CPU time grows; 0: never")
    on_crash: str = setting(
        "retry", "ON_CRASH", "--on-crash retry|fail", parsing.choice("retry", "fail"),
        "what becomes of a job whose process died: run again, or failed at once as in Resque")
    max_deliveries: int = setting(
        3, "MAX_DELIVERIES", "--max-deliveries N", parsing.whole(1, 1000),
        "crashes that a job may cause before it is failed")
    unknown_job: str = setting(
        "return", "UNKNOWN_JOB", "--unknown-job return|fail", parsing.choice("return", "fail"),
        "what becomes of a job that is not known here: back to the queue while another daemon may know it, or failed")
    heartbeat_interval: float = setting(
        2.0, "HEARTBEAT_INTERVAL", "--heartbeat-interval SECONDS", parsing.seconds(0.05, 60),
        "time between heartbeats")
    prune_interval: float = setting(
        30.0, "PRUNE_INTERVAL", "--prune-interval SECONDS", parsing.seconds(0.2, DAY),
        "how long another host's heartbeat may stand still before its jobs are recovered")
    failure_backend: tuple[str, ...] = setting(
        ("redis",), "FAILURE_BACKEND", "--failure-backend NAME", parsing.failure_backends,
        "where failures are recorded: redis, redis_multi_queue, or multiple:redis,redis_multi_queue",
        shown="redis")
    statsd_host: str | None = setting(
        None, "STATSD_HOST", "--statsd-host HOST", parsing.line,
        "where statsd listens; unset: none")
    statsd_port: int = setting(
        8125, "STATSD_PORT", "--statsd-port PORT", parsing.whole(1, 65_535),
        "statsd's UDP port")
    statsd_key: str | None = setting(
        None, "STATSD_KEY", "--statsd-key PREFIX", parsing.line,
        "prefix of all statsd names")
    http: tuple[str, int] | None = setting(
        None, "RESQD_HTTP", "--http HOST:PORT", parsing.address,
        "where to answer GET /metrics, /healthz and /readyz, such as 127.0.0.1:9293; unset: nowhere")
    history: str = setting(
        "off", "RESQD_HISTORY", "--history on|off", parsing.choice("on", "off"),
        "whether to keep counts and times by class, and queues' lengths, by minute, hour and day in Redis")
    remote: str = setting(
        "on", "RESQD_REMOTE", "--remote on|off", parsing.choice("on", "off"),
        "whether web pages may steer this daemon")
    secret: str | None = setting(
        None, "RESQD_SECRET", "--secret TEXT", parsing.secret,
        "what web pages sign their acts with, the same everywhere; without it they may pause, resume and kill only")
    remote_scale: int = setting(
        32, "RESQD_REMOTE_SCALE", "--remote-scale N", parsing.whole(1, 1024),
        "the most workers to which web pages may scale this daemon")
    pidfile: Path | None = setting(
        None, "PIDFILE", "--pidfile PATH", parsing.path,
        "file that gets the master's pid")
    pause_files: tuple[Path, ...] = setting(
        (), "RESQD_PAUSE_FILES", "--pause-files PATHS", parsing.paths,
        "files that pause the daemon while one exists, beside /etc/consul_disabled and /tmp/consul_disabled",
        shown="")
    resque_scheduler: str = setting(
        "yield", "RESQUE_SCHEDULER", "--resque-scheduler yield|take|off", parsing.choice("yield", "take", "off"),
        "who moves resque-scheduler's delayed jobs: we while no Ruby scheduler runs, we alone, or never we")
    scheduler_lock_prefix: str = setting(
        "", "RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "--scheduler-lock-prefix PREFIX", parsing.line,
        "what Ruby's schedulers have in this variable, if they have it")
    resque_locks: str = setting(
        "off", "RESQUE_LOCKS", "--resque-locks on|off", parsing.choice("on", "off"),
        "whether to free the locks of resque-loner and resque_solo, for Ruby producers")
    procline_prefix: str = setting(
        "", "RESQUE_PROCLINE_PREFIX", "--procline-prefix TEXT", parsing.line,
        "put before process titles")
    slow_job: float = setting(
        60.0, "SLOW_JOB", "--slow-job SECONDS", parsing.seconds(0, DAY),
        "how long a job runs until a log line calls it slow; 0: never")
    log_level: str = setting(
        "info", "LOGGING", "--log-level LEVEL", parsing.log_level,
        "debug, info, warning or error (VERBOSE=1 means info, VVERBOSE=1 debug)")
    log_format: str = setting(
        "text", "RESQD_LOG_FORMAT", "--log-format text|json", parsing.choice("text", "json"),
        "form of log lines")
    # fmt: on
