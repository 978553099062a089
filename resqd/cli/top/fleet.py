"""The threads of all hosts, as Redis tells: every daemon's, and Ruby's workers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from resqd.cli.top.look import KILL, Column, Command, Line, Look, Remark
from resqd.cli.views import duration, printable
from resqd.clock import Deadline
from resqd.errors import ResqdError
from resqd.store.resque.pauses import me
from resqd.web.data.samples import Samples, rates
from resqd.web.data.snapshot import Host, Looks, Running, Snapshot

if TYPE_CHECKING:
    from resqd.app import App

COLUMNS: Final = (
    Column("host", 20),
    Column("pid", 7, number=True),
    Column("thread", 6),
    Column("time", 7, number=True),
    Column("class", 28),
    Column("queue", 14),
    Column("daemon", 11),
    Column("id", 36),
)
_LONGEST_QUEUES: Final = 4
_RATE: Final = 10.0
"""Seconds over which rates are taken."""
_PATIENCE: Final = 10.0
"""Seconds within which a daemon obeys an act, or not at all."""
_ANSWERS: Final = 100
_PAUSE: Final = 0.2


class Fleet:
    """The source of `resqd top`. With a secret acts are signed."""

    def __init__(self, app: App, *, secret: str | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._samples = Samples()
        self._looks = Looks(app, self._samples)
        self._books = app.store.books
        self._secret = secret
        self._sleep = sleep

    def look(self) -> Look:
        """How it is now; raises StoreError."""
        return look_at(self._looks.look(), self._samples)

    def act(self, command: Command, line: Line | None) -> str:
        """Ask for a kill of the line's job, or its daemon for a pause; raises ResqdError."""
        target = None if line is None else line.target
        if command == KILL and isinstance(target, Running):
            target.status.kill()
            return f"asked {target.worker.id.host} to kill {_named(target)}; it looks every few seconds"
        host = target.worker if isinstance(target, Running | Host) else None
        if host is None or not host.ours:
            raise ResqdError("only a daemon of resqd's can be asked; nothing was changed")
        life = self._books.remote.lives([host.id.text]).get(host.id.text)
        if life is None:
            raise ResqdError("this daemon cannot be asked: it has just begun, or is of an older release")
        nonce = secrets.token_hex(8)
        self._books.remote.ask(command, {life: nonce}, workers=0, by=me(), secret=self._secret)
        return self._answer(nonce, host.id.host, command)

    def _answer(self, nonce: str, host: str, command: Command) -> str:
        deadline = Deadline.after(_PATIENCE)
        while not deadline.expired():
            for answer in self._books.remote.answers(_ANSWERS):
                if answer.nonce == nonce:
                    self._looks.forget()
                    return f"{host}: {answer.said}"
            self._sleep(_PAUSE)
        return f"{host} did not confirm the {command}; nothing was changed there"


def look_at(look: Snapshot, samples: Samples) -> Look:
    """What Redis told as lines: each thread that runs a job, and each daemon that runs none."""
    rate = rates(samples.over(_RATE))
    each = "" if rate.finished is None else f"  {rate.finished:,.0f}/s"
    silent = [host for host in look.hosts if host.silent]
    busy = len(look.running)
    head = [
        Remark(
            f"{_whose(look.hosts)}  {busy:,} of {look.threads:,} threads busy  "
            f"{look.processed:,} processed  {look.failed:,} failed{each}"
        ),
        Remark(
            f"{look.waiting:,} waiting  {look.later:,} later  {look.failures_kept:,} in failed{_longest(look)}"
        ),
    ]
    head += [Remark(text, "red") for text in _silent(silent)]
    paused = [printable(queue.name) for queue in look.queues if queue.paused is not None]
    if look.all_paused_by:
        head.append(Remark(f"all queues are paused by the key {printable(look.all_paused_by)}", "yellow"))
    elif paused:
        head.append(Remark(f"paused queues: {_few(paused)}", "yellow"))
    return Look(tuple(head), COLUMNS, tuple(_lines(look)))


def _whose(hosts: Sequence[Host]) -> str:
    ours = sum(host.worker.ours for host in hosts)
    ruby = len(hosts) - ours
    daemons = f"{ours:,} daemon{'' if ours == 1 else 's'}"
    return f"{daemons}  {ruby:,} of Ruby's workers" if ruby else daemons


def _longest(look: Snapshot) -> str:
    longest = sorted(look.queues, key=lambda queue: -(queue.size or 0))[:_LONGEST_QUEUES]
    shown = [f"{printable(queue.name)} {queue.size:,}" for queue in longest if queue.size]
    return f"  longest: {', '.join(shown)}" if shown else ""


def _silent(hosts: list[Host]) -> Iterator[str]:
    if hosts:
        names = [f"{printable(host.worker.id.host)} pid {host.worker.id.pid}" for host in hosts]
        yield f"silent: {_few(names)}"


def _few(names: list[str]) -> str:
    more = len(names) - _LONGEST_QUEUES
    return ", ".join(names[:_LONGEST_QUEUES]) + (f" (+{more})" if more > 0 else "")


def _lines(look: Snapshot) -> Iterator[Line]:
    for host in look.hosts:
        for job in host.running:
            yield _busy(host, job, look.now)
        if not host.running:
            yield _idle(host)


def _busy(host: Host, job: Running, now: float) -> Line:
    age = -1.0 if job.since is None else max(0.0, now - job.since)
    cells = (
        printable(host.worker.id.host),
        str(job.pid),
        printable(job.thread),
        "-" if job.since is None else duration(age),
        printable(job.job_class),
        printable(job.queue),
        _state(host),
        printable(job.job_id or ""),
    )
    order = (cells[0], float(job.pid), cells[2], age, *cells[4:])
    return Line(f"{host.worker.id.text} {job.place}", cells, order, _named(job), job)


def _idle(host: Host) -> Line:
    known = host.worker.id
    cells = (
        printable(known.host), str(known.pid), "-", "-",
        f"(idle, {host.threads} threads)", "", _state(host), "",
    )  # fmt: skip
    return Line(known.text, cells, (cells[0], float(known.pid), "-", -1.0, *cells[4:]), "", host)


def _state(host: Host) -> str:
    return f"{host.kind}, silent" if host.silent else host.kind


def _named(job: Running) -> str:
    return f"{printable(job.job_class)} {printable(job.job_id or 'without an id')}"
