"""What other systems need: the package, the command that starts the workers, the key that holds the queue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """Another system; `jobs` make a drain of a few seconds, and URL stands in `command` for that of Redis."""

    name: str
    package: str
    requirement: str
    module: str
    command: tuple[str, ...]
    key: str
    jobs: int


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
)
