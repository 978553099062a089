"""Who moves jobs when their time has come, each by a duty of the keeper's, where there are such jobs."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass

from resqd.application.parts import parts_of
from resqd.clock import monotonic
from resqd.cron.tables import Declaration
from resqd.housekeeper.cron import LOOK_IN_VAIN, Cron
from resqd.housekeeper.house import House
from resqd.housekeeper.keeper import Duty
from resqd.housekeeper.limits import IDLE, Limits
from resqd.housekeeper.ruby_schedules import RubySchedules
from resqd.housekeeper.scheduler import LOOK_EVERY as SCHEDULER_EVERY
from resqd.housekeeper.scheduler import Judge, Scheduler
from resqd.limits import declared
from resqd.store.cron.timetable import Timetable
from resqd.store.gates.gates import Gates
from resqd.store.inflight.incarnation import life
from resqd.store.scheduler.promotion import Promotion


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """A duty, and what is done for it when the daemon ends."""

    duty: Duty
    leave: Callable[[], None]


def timekeepers(house: House) -> list[Timekeeper]:
    """All that this daemon needs; one more is a line more."""
    scheduler = _scheduler(house)
    return [
        *([] if scheduler is None else [_of_scheduler(scheduler)]),
        _of_cron(_cron(house, scheduler)),
        _of_limits(house),
    ]


def _of_scheduler(scheduler: Scheduler) -> Timekeeper:
    return Timekeeper(
        Duty(SCHEDULER_EVERY, scheduler.tend, "resque-scheduler's jobs", scheduler.wait), scheduler.leave
    )


def _of_cron(cron: Cron) -> Timekeeper:
    return Timekeeper(Duty(LOOK_IN_VAIN, cron.tend, "the timetable", cron.wait), cron.leave)


def _of_limits(house: House) -> Timekeeper:
    limits = Limits(
        gates=Gates(link=house.link, keys=house.keys),
        life=life(house.settings.daemon, house.birth.epoch),
        declared=declared(job.gauge for job in house.app.jobs.values() if job.gauge),
        clock=monotonic,
    )
    return Timekeeper(Duty(IDLE, limits.tend, "the round of limits", limits.wait), limits.leave)


def _cron(house: House, scheduler: Scheduler | None) -> Cron:
    settings, app = house.settings, house.app
    declared = parts_of(app).producer.timetable
    owner = app.name or settings.app or ""
    return Cron(
        timetable=Timetable(house.link, house.keys),
        declaration=Declaration(
            life=life(settings.daemon, house.birth.epoch),
            app=owner,
            release=app.release,
            entries=declared.texts(owner) if declared else {},
        ),
        clock=monotonic,
        random=random.random,
        others=None if scheduler is None else _ruby_schedules(house, scheduler, owner),
    )


def _ruby_schedules(house: House, scheduler: Scheduler, owner: str) -> RubySchedules | None:
    if house.settings.resque_scheduler != "take":
        return None
    return RubySchedules(
        link=house.link,
        namespace=house.settings.namespace,
        app=owner,
        queue_of=_queue_of(house),
        environment=os.environ.get("RAILS_ENV", ""),
        leads=lambda: scheduler.active,
        clock=monotonic,
    )


def _queue_of(house: House) -> Callable[[str], str | None]:
    jobs = house.app.jobs
    return lambda name: jobs[name].queue if name in jobs else None


def _scheduler(house: House) -> Scheduler | None:
    settings = house.settings
    if settings.resque_scheduler == "off":
        return None
    # The master's pid, so that the next housekeeper of this daemon goes on with the lock.
    own = f"{settings.host}:{house.birth.master_pid}" if settings.resque_scheduler == "take" else ""
    return Scheduler(
        promotion=Promotion(
            link=house.link,
            namespace=settings.namespace,
            own=own,
            lock_prefix=settings.scheduler_lock_prefix,
        ),
        judge=Judge(
            keys=house.keys,
            worker_id=house.worker_id,
            queue_of=_queue_of(house),
        ),
        own=own,
        clock=monotonic,
    )
