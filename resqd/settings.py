"""What a daemon is told: environment variables and flags, checked all at once, as a frozen Settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from resqd import parsing
from resqd.errors import SettingsError
from resqd.folders import private_folder, runtime_folder
from resqd.parsing import QueueSpec

__all__ = ["OPTIONS", "Option", "QueueSpec", "Settings"]

DAY = 86_400
DEFAULT_PAUSE_FILES = (Path("/etc/consul_disabled"), Path("/tmp/consul_disabled"))  # noqa: S108 - only looked at


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as users meet it: the field it fills, its variable, its flag, and what it means."""

    field: str
    variable: str
    flag: str
    metavar: str
    help: str
    default: str
    parse: Callable[[str], object]
    aliases: tuple[str, ...] = ()
    optional: bool = False
    """Whether it may be absent: its default is none."""

    def given(self, value: object) -> bool:
        """Whether a flag was given. A blank one is, except where the setting may be absent: it counts as not set."""
        blank = isinstance(value, str) and not value.strip()
        return value is not None and not (blank and self.optional)

    def text_in(self, environ: Mapping[str, str]) -> tuple[str, str] | None:
        """The variable that is set and its text; an empty one counts as not set."""
        for variable in (self.variable, *self.aliases):
            if text := environ.get(variable, "").strip():
                return variable, text
        return None


def _setting(  # a table's row: one parameter for each column
    default: object,
    variable: str,
    flag: str,
    parse: Callable[[str], object],
    help: str,  # noqa: A002 - the column's name, as click calls it
    *,
    shown: str | None = None,
    aliases: tuple[str, ...] = (),
) -> Any:  # a dataclass field stands for a value of any type
    text = shown if shown is not None else "" if default is None else str(default)
    name, metavar = flag.split()
    row = {"variable": variable, "flag": name, "metavar": metavar, "help": help}
    metadata = {**row, "default": text, "parse": parse, "aliases": aliases, "optional": default is None}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata, repr=variable != "REDIS_URL")  # it may hold a password


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a daemon was told, checked; times are in seconds.

    `load` collects every problem before it raises, so that one try shows all of them.
    """

    # A table, so laid out by hand: the value, variable, flag and parser; then the help.
    # fmt: off
    app: str | None = _setting(
        None, "RESQD_APP", "--app MODULE:ATTR", parsing.application,
        "where the App with the jobs is")
    queues: tuple[QueueSpec, ...] = _setting(
        (QueueSpec("*"),), "QUEUES", "--queues LIST", parsing.queues,
        "queues in strict order, with commas: names, globs (* ? [] {}), caps on threads (name:4, name:50%)",
        shown="*", aliases=("QUEUE",))
    worker_count: int = _setting(
        1, "WORKER_COUNT", "--workers N", parsing.whole(1, 1024),
        "worker processes")
    thread_count: int = _setting(
        1, "THREAD_COUNT", "--threads N", parsing.whole(1, 1024),
        "job threads in each worker, started as jobs need them")
    jobs_per_fork: int = _setting(
        1, "JOBS_PER_FORK", "--jobs-per-fork N", parsing.whole(0, 1_000_000_000),
        "jobs that a worker runs before it is replaced; 0: never replaced")
    interval: float = _setting(
        0.1, "INTERVAL", "--interval SECONDS", parsing.seconds(0, 3600),
        "pause between looks at empty queues; 0: run until the queues are empty, then exit")
    redis_url: str | None = _setting(
        None, "REDIS_URL", "--redis-url URL", parsing.redis_url,
        "the Redis or Valkey server; unset: the embedded one, else redis://localhost:6379")
    namespace: str = _setting(
        "resque", "RESQD_NAMESPACE", "--namespace PREFIX", parsing.namespace,
        "prefix of all Redis keys")
    name: str = _setting(
        "resqd", "RESQD_NAME", "--name NAME", parsing.label,
        "this daemon's name, one of its kind on a host")
    host: str = _setting(
        socket.gethostname, "RESQD_HOST", "--host NAME", parsing.label,
        "this host's name as other hosts see it",
        shown="the host's name")
    kill_grace: float = _setting(
        5.0, "KILL_GRACE", "--kill-grace SECONDS", parsing.seconds(0, DAY),
        "how long a job that is being stopped may take to clean up")
    drain_timeout: float = _setting(
        50.0, "DRAIN_TIMEOUT", "--drain-timeout SECONDS", parsing.seconds(0, 30 * DAY),
        "how long a drain waits for running jobs before it stops them")
    boot_timeout: float = _setting(
        30.0, "BOOT_TIMEOUT", "--boot-timeout SECONDS", parsing.seconds(0.1, DAY),
        "how long a forked worker may take to be ready")
    hang_timeout: float = _setting(
        60.0, "HANG_TIMEOUT", "--hang-timeout SECONDS", parsing.seconds(0.1, DAY),
        "how long a worker may be silent with its CPU time standing still before it is replaced")
    hang_busy_timeout: float = _setting(
        0.0, "HANG_BUSY_TIMEOUT", "--hang-busy-timeout SECONDS", parsing.seconds(0, 30 * DAY),
        "the same for a silent worker whose CPU time grows; 0: never")
    on_crash: str = _setting(
        "retry", "ON_CRASH", "--on-crash retry|fail", parsing.choice("retry", "fail"),
        "what becomes of a job whose process died: run again, or failed at once as in Resque")
    max_deliveries: int = _setting(
        3, "MAX_DELIVERIES", "--max-deliveries N", parsing.whole(1, 1000),
        "crashes that a job may cause before it is failed")
    heartbeat_interval: float = _setting(
        2.0, "HEARTBEAT_INTERVAL", "--heartbeat-interval SECONDS", parsing.seconds(0.05, 60),
        "time between heartbeats")
    prune_interval: float = _setting(
        30.0, "PRUNE_INTERVAL", "--prune-interval SECONDS", parsing.seconds(0.2, DAY),
        "how long another host's heartbeat may stand still before its jobs are recovered")
    failure_backend: tuple[str, ...] = _setting(
        ("redis",), "FAILURE_BACKEND", "--failure-backend NAME", parsing.failure_backends,
        "where failures are recorded: redis, redis_multi_queue, or multiple:redis,redis_multi_queue",
        shown="redis")
    statsd_host: str | None = _setting(
        None, "STATSD_HOST", "--statsd-host HOST", parsing.line,
        "where statsd listens; unset: none")
    statsd_port: int = _setting(
        8125, "STATSD_PORT", "--statsd-port PORT", parsing.whole(1, 65_535),
        "statsd's UDP port")
    statsd_key: str | None = _setting(
        None, "STATSD_KEY", "--statsd-key PREFIX", parsing.line,
        "prefix of all statsd names")
    pidfile: Path | None = _setting(
        None, "PIDFILE", "--pidfile PATH", parsing.path,
        "file that gets the master's pid")
    pause_files: tuple[Path, ...] = _setting(
        (), "RESQD_PAUSE_FILES", "--pause-files PATHS", parsing.paths,
        "files that pause the daemon while one exists, beside /etc/consul_disabled and /tmp/consul_disabled",
        shown="")
    procline_prefix: str = _setting(
        "", "RESQUE_PROCLINE_PREFIX", "--procline-prefix TEXT", parsing.line,
        "put before process titles")
    log_level: str = _setting(
        "info", "LOGGING", "--log-level LEVEL", parsing.log_level,
        "debug, info, warning or error (VERBOSE=1 means info, VVERBOSE=1 debug)")
    log_format: str = _setting(
        "text", "RESQD_LOG_FORMAT", "--log-format text|json", parsing.choice("text", "json"),
        "form of log lines")
    # fmt: on
    runtime_folder: Path = field(default_factory=lambda: runtime_folder(os.environ))

    @classmethod
    def load(cls, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Settings:
        """Settings from the environment, with flags (field name -> value; None: not given) above it.

        Raises SettingsError with one line for each wrong variable: its name, its value and the remedy.
        """
        problems: list[str] = []
        values: dict[str, Any] = {"runtime_folder": runtime_folder(environ)}
        environ = _with_verbosity(environ)
        overrides = overrides or {}
        for option in OPTIONS:
            source = option.text_in(environ)
            if option.given(flag := overrides.get(option.field)):
                source = option.flag, _text(flag)
            if source is None:
                continue
            try:
                values[option.field] = option.parse(source[1])
            except ValueError as error:
                problems.append(_problem(option, *source, remedy=str(error)))
        settings = cls(**values)
        problems += settings._contradictions()
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def daemon(self) -> str:
        """The daemon's stable identity among all hosts: HOST/NAME."""
        return f"{self.host}/{self.name}"

    @property
    def burst(self) -> bool:
        """Whether to run until the queues are empty, and then exit."""
        return self.interval == 0

    @property
    def metered(self) -> bool:
        """Whether jobs are counted for statsd."""
        return self.statsd_host is not None and self.statsd_key is not None

    @property
    def all_pause_files(self) -> tuple[Path, ...]:
        """Every file that pauses the daemon: the fork's two, and RESQD_PAUSE_FILES."""
        return DEFAULT_PAUSE_FILES + self.pause_files

    @property
    def control_socket(self) -> Path:
        """Where resqctl finds the daemon."""
        return self.runtime_folder / f"{self.name}.sock"

    def runtime_directory(self) -> Path:
        """The control socket's folder, made private to us where it is missing; raises FolderError."""
        return private_folder(self.runtime_folder)

    def public(self) -> dict[str, object]:
        """Every setting as JSON can hold it, for `status`; the URL is shown without its password."""
        shown: dict[str, object] = {option.field: _plain(getattr(self, option.field)) for option in OPTIONS}
        shown["redis_url"] = parsing.without_password(self.redis_url) if self.redis_url else None
        return shown

    def warnings(self) -> list[str]:
        """One line for each setting that cannot do what it seems to."""
        lines = []
        if 0 < self.jobs_per_fork < self.thread_count:
            lines.append(
                f"THREAD_COUNT={self.thread_count}: only {self.jobs_per_fork} of a worker's threads will get "
                f"a job, since JOBS_PER_FORK={self.jobs_per_fork} ends it first; give JOBS_PER_FORK=500, or 0 for ever"
            )
        threads = self.worker_count * self.thread_count
        lines += [
            f"QUEUES: {spec}: the cap never bites, since there are {threads} threads in all"
            for spec in self.queues
            if spec.cap_count is not None and spec.cap_count > threads
        ]
        patterns = [spec.pattern for spec in self.queues]
        if "*" in patterns and patterns[-1] != "*":
            after = ", ".join(patterns[patterns.index("*") + 1 :])
            lines.append(f"QUEUES: {after}: stands after *, which already holds every queue")
        if (self.statsd_host is None) != (self.statsd_key is None):
            lines.append("STATSD_HOST and STATSD_KEY: nothing is sent unless both are set")
        return lines

    def _contradictions(self) -> list[str]:
        if self.prune_interval <= 2 * self.heartbeat_interval:
            return [
                f"PRUNE_INTERVAL={self.prune_interval:g}: give more than twice HEARTBEAT_INTERVAL "
                f"({self.heartbeat_interval:g}), or a live daemon would be taken for dead"
            ]
        return []


OPTIONS: tuple[Option, ...] = tuple(
    Option(field=row.name, **row.metadata) for row in fields(Settings) if row.metadata
)
"""Every setting in the order in which help, README and systemd/resqd.env show it."""


def _with_verbosity(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The fork's three switches folded into LOGGING: VVERBOSE, then LOGGING, then VERBOSE."""
    if parsing.truth(environ.get("VVERBOSE", "")):
        return {**environ, "LOGGING": "debug"}
    if not environ.get("LOGGING") and parsing.truth(environ.get("VERBOSE", "")):
        return {**environ, "LOGGING": "info"}
    return environ


def _text(value: object) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, int | float | str | None) else str(value)


def _problem(option: Option, source: str, text: str, *, remedy: str) -> str:
    """One line that names the variable even where a flag was wrong; a URL's password is not repeated."""
    name = source if source in (option.variable, *option.aliases) else f"{option.variable} ({source})"
    shown = "…" if option.field == "redis_url" else ascii(text)[1:-1][:100]
    return f"{name}={shown}: {remedy}"
