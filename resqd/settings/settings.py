"""What a daemon is told: environment variables and flags, checked all at once, as a frozen Settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from resqd import parsing, queue_specs
from resqd.errors import SettingsError
from resqd.folders import private_folder, runtime_folder
from resqd.queue_specs import QueueSpec
from resqd.settings import presets
from resqd.settings.option import Option
from resqd.settings.table import Table
from resqd.sharding import Shard, shards_of

DEFAULT_PAUSE_FILES = (Path("/etc/consul_disabled"), Path("/tmp/consul_disabled"))  # noqa: S108 - only looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Table):
    """Everything that a daemon was told, checked; times are in seconds.

    `load` collects every problem before it raises, so that one try shows all of them.
    """

    runtime_folder: Path = field(default_factory=lambda: runtime_folder(os.environ))
    has_namespace: bool = field(default=False, compare=False)
    """Whether a namespace was given; else each project has its own on the embedded server."""

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
        values["has_namespace"] = "namespace" in values
        if (urls := values.get("redis_shards")) and values.setdefault("redis_url", urls[0]) != urls[0]:
            problems.append(
                "REDIS_URL: with REDIS_SHARDS leave it out, or give the first of those, the home shard"
            )
        settings = cls(**{**presets.shape(str(values.get("preset", presets.NAMES[0]))), **values})
        problems += settings._contradictions()
        if problems:
            raise SettingsError(problems)
        return replace(
            settings,
            queues=_weigh(settings),
            namespace=parsing.tagged(settings.namespace, settings.redis_url),
            worker_count=max(settings.worker_count, len(settings.shards)),
        )

    @property
    def daemon(self) -> str:
        """The daemon's stable identity among all hosts: HOST/NAME."""
        return f"{self.host}/{self.name}"

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Where the jobs are: one, or several with the home shard first. Without a URL the one has none."""
        return shards_of(self.redis_shards or (self.redis_url or "",), self.namespace)

    @property
    def burst(self) -> bool:
        """Whether to run until the queues are empty, and then exit."""
        return self.interval == 0

    @property
    def metered(self) -> bool:
        """Whether jobs are counted by class, for statsd, for scrapers or for the history."""
        told = self.statsd_host is not None and self.statsd_key is not None
        return told or self.http is not None or self.history == "on"

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
        """Every setting as JSON can hold it, for `status`; secrets are left out."""
        shown: dict[str, object] = {option.field: _plain(getattr(self, option.field)) for option in OPTIONS}
        shown["redis_url"] = parsing.without_password(self.redis_url) if self.redis_url else None
        shown["redis_shards"] = [parsing.without_password(url) for url in self.redis_shards]
        shown["secret"] = "set" if self.secret else None
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
        lines += [
            f"QUEUES: {spec}: stands for all names that match; for a weight give RESQD_ORDER=weighted"
            for spec in self.queues
            if self.order != "weighted" and queue_specs.ends_like_a_weight(spec.pattern)
        ]
        patterns = [spec.pattern for spec in self.queues]
        if "*" in patterns and patterns[-1] != "*":
            after = ", ".join(patterns[patterns.index("*") + 1 :])
            lines.append(f"QUEUES: {after}: stands after *, which already holds every queue")
        if (self.statsd_host is None) != (self.statsd_key is None):
            lines.append("STATSD_HOST and STATSD_KEY: nothing is sent unless both are set")
        return lines

    def _contradictions(self) -> list[str]:
        found = []
        if self.prune_interval <= 2 * self.heartbeat_interval:
            found.append(
                f"PRUNE_INTERVAL={self.prune_interval:g}: give more than twice HEARTBEAT_INTERVAL "
                f"({self.heartbeat_interval:g}), or a live daemon would be taken for dead"
            )
        try:
            _weigh(self)
        except ValueError as error:
            found.append(f"QUEUES={error}")
        return found


OPTIONS: tuple[Option, ...] = tuple(
    Option(field=row.name, **row.metadata) for row in fields(Settings) if row.metadata
)
"""Every setting in the order in which help, manual and systemd/resqd.env show it."""


def _weigh(settings: Settings) -> tuple[QueueSpec, ...]:
    weigh = queue_specs.with_weights if settings.order == "weighted" else queue_specs.without_weights
    return weigh(settings.queues)


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
    is_place = "@" not in text and "password" not in text and "/" in text
    secret = option.field == "secret" or (option.field in {"redis_url", "redis_shards"} and not is_place)
    shown = "…" if secret else ascii(text)[1:-1][:100]
    return f"{name}={shown}: {remedy}"
