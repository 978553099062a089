"""What other systems need: the package, the command that starts the workers, the key that holds the queue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """Another system; `jobs` make a drain of a few seconds, and URL stands in `command` for that of Redis.

    One in Python gets an environment of its own; one in Ruby, without a `requirement`, must be where `ruby` finds its
    package.
    """

    name: str
    package: str
    requirement: str
    module: str
    command: tuple[str, ...]
    key: str
    jobs: int
    awaits: bool = False
    """Whether its jobs await 10 ms on event loops, 500 in each process."""

    @property
    def is_ruby(self) -> bool:
        """Whether it is a program in Ruby."""
        return not self.requirement


def _ruby(package: str, body: str) -> tuple[str, ...]:
    """A program in Ruby whose two processes run that code."""
    return ("ruby", f"-r{package}", "-e", f"2.times {{ fork {{ {body} }} }}; Process.waitall")


_SIDEKIQ = "cli = Sidekiq::CLI.instance; cli.parse(%w[-q default -c 8 -r ./sidekiq_jobs.rb]); cli.run"

PEERS = (
    Peer(
        name="Huey, 2 processes",
        package="huey",
        requirement="huey>=2.5,<4",
        module="huey_jobs",
        command=("huey_consumer", "huey_jobs.huey", "-w", "2", "-k", "process", "-q"),
        key="huey.redis.peer",
        jobs=30_000,
    ),
    Peer(
        name="Dramatiq, 2 processes x 8 threads",
        package="dramatiq",
        requirement="dramatiq[redis]>=1.17,<3",
        module="dramatiq_jobs",
        command=("dramatiq", "dramatiq_jobs", "--processes", "2", "--threads", "8"),
        key="dramatiq:default",
        jobs=15_000,
    ),
    Peer(
        name="Celery, 2 processes",
        package="celery",
        requirement="celery[redis]>=5.4,<6",
        module="celery_jobs",
        command=("celery", "-A", "celery_jobs", "worker", "-c", "2", "--loglevel", "ERROR"),
        key="celery",
        jobs=8_000,
    ),
    Peer(
        name="RQ, 2 workers",
        package="rq",
        requirement="rq>=2,<3",
        module="rq_jobs",
        command=("rq", "worker-pool", "default", "-n", "2", "-q", "-u", "URL"),
        key="rq:queue:default",
        jobs=600,
    ),
    Peer(
        name="taskiq, 2 processes, await 10 ms",
        package="taskiq",
        requirement="taskiq>=0.11,<0.12",
        module="taskiq_jobs",
        command=("taskiq", "worker", "taskiq_jobs:broker", "--workers", "2", "--max-async-tasks", "500"),
        key="taskiq",
        jobs=15_000,
        awaits=True,
    ),
    Peer(
        name="arq, 2 processes, await 10 ms",
        package="arq",
        requirement="arq>=0.26,<1",
        module="arq_jobs",
        command=("python", "-c", "import arq_jobs; arq_jobs.work()"),
        key="arq:queue",
        jobs=6_000,
        awaits=True,
    ),
    Peer(
        name="Dramatiq, 2 processes x 250 threads, await 10 ms",
        package="dramatiq",
        requirement="dramatiq[redis]>=1.17,<3",
        module="dramatiq_async_jobs",
        command=("dramatiq", "dramatiq_async_jobs", "--processes", "2", "--threads", "250"),
        key="dramatiq:default",
        jobs=10_000,
        awaits=True,
    ),
    Peer(
        name="Sidekiq, 2 processes x 8 threads",
        package="sidekiq",
        requirement="",
        module="sidekiq_jobs",
        command=_ruby("sidekiq/cli", _SIDEKIQ),
        key="queue:default",
        jobs=30_000,
    ),
    Peer(
        name="Resque, 2 workers",
        package="resque",
        requirement="",
        module="resque_jobs",
        command=_ruby("./resque_jobs", 'Resque::Worker.new("default").work(0.1)'),
        key="resque:queue:default",
        jobs=2_000,
    ),
)

WAITERS = frozenset(peer.name for peer in PEERS if peer.awaits)
FORKERS = frozenset(peer.name for peer in PEERS if peer.package in {"rq", "resque"})
"""Those that run each job in a process of its own."""
