"""What happens in a daemon, as events. The words of the log stand here and nowhere else.

The code emits an event with its facts: `events.Master.scaled(before=2, after=3)`. The log tells it in words, JSON
logs carry its name and facts as fields too, and whoever listens (metrics, a web page) gets both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from logging import DEBUG, ERROR, INFO, WARNING

_log = logging.getLogger("resqd")

Listener = Callable[[str, Mapping[str, object]], None]
"""Takes an event's name and its facts, on the thread that emits it: it must be quick, and must not raise."""

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` for every event of this process from now on, whatever the log's level."""
    _listeners.append(listener)


class Event:
    """One kind of event: how urgent it is, and its words, with the facts' names as in `%(name)s`.

    `traceback`: it is emitted where an exception is handled, whose traceback goes into the log with it.
    """

    __slots__ = ("level", "name", "traceback", "words")

    def __init__(self, level: int, words: str, *, traceback: bool = False) -> None:
        self.level = level
        self.words = words
        self.traceback = traceback
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = f"{owner.__name__.lower()}.{name}"

    def __call__(self, **facts: object) -> None:
        """Emit it. Words are put together only where the log wants them."""
        for listener in _listeners:
            listener(self.name, facts)
        if _log.isEnabledFor(self.level):
            extra = {"event": self.name, "facts": facts}
            arguments = (facts,) if facts else ()  # logging takes an empty mapping for an argument too many
            _log.log(self.level, self.words, *arguments, extra=extra, exc_info=self.traceback)


class Master:
    """What the master does and sees."""

    signal_received = Event(INFO, "got %(name)s")
    intent_changed = Event(INFO, "%(intent)s: was %(before)s")
    pause_file_seen = Event(INFO, "paused: %(path)s exists")
    pause_files_gone = Event(INFO, "the pause files are gone")
    scaled = Event(INFO, "scaling from %(before)d to %(after)d workers")
    not_scaled = Event(WARNING, "%(why)s")
    drain_too_long = Event(WARNING, "the drain took longer than %(seconds)g s; stopping")
    thread_kill_asked = Event(INFO, "a web page asks to kill the job on thread %(thread)d of %(child)s")
    caller_refused = Event(WARNING, "refused a control connection of user %(uid)d")
    refused_caller_gone = Event(DEBUG, "a refused control client was gone already")
    caller_left = Event(DEBUG, "a control connection ends: %(why)s")
    control_shortage = Event(
        WARNING, "cannot accept control connections, trying again in %(seconds).1f s: %(why)s"
    )

    forked = Event(DEBUG, "forked %(child)s")
    fork_failed = Event(ERROR, "%(why)s; trying again in %(seconds)g s")
    child_crashed = Event(ERROR, "the %(kind)s crashed", traceback=True)
    left = Event(DEBUG, "%(said)s")
    died = Event(WARNING, "%(said)s")
    place_waits = Event(ERROR, "%(child)s %(how)s; next try in %(seconds)g s")
    retired = Event(INFO, "%(child)s is to finish and leave")
    stopping = Event(WARNING, "%(child)s %(why)s; stopping it")
    killing = Event(WARNING, "killing %(child)s: %(why)s")
    strange_message = Event(WARNING, "%(child)s sent a %(message)s")
    strangers_reaped = Event(DEBUG, "reaped %(count)d processes that jobs had left behind")
    stood_still = Event(WARNING, "the master stood still for %(seconds).1f s")
    turn_failed = Event(ERROR, "a turn of the master's loop failed; going on", traceback=True)
    left_unsettled = Event(
        WARNING,
        "leaving, though the jobs of dead workers are not back in their queues: redis does not answer",
    )
    redis_lost = Event(WARNING, "%(why)s; trying again until it is back")
    redis_back = Event(INFO, "Redis is back after %(seconds).1f s")

    reload_tried = Event(INFO, "reloading: trying to import the new code in %(folder)s first")
    reloading = Event(INFO, "the new code imports; reloading in place")
    not_reloaded = Event(WARNING, "not reloaded: %(why)s")
    reload_failed = Event(ERROR, "not reloaded, nothing changes: %(why)s")
    caretaker_failed = Event(ERROR, "nobody answers while the new code is imported", traceback=True)

    lock_put_back = Event(WARNING, "somebody has removed %(path)s; it is put back")
    lock_lost = Event(ERROR, "%(why)s")
    folder_not_held = Event(DEBUG, "the folder %(path)s is not held: %(why)s")
    systemd_silent = Event(WARNING, "cannot notify systemd, trying again: %(why)s")


class Worker:
    """What a worker does and sees, and what jobs do to it."""

    signalled = Event(INFO, "got %(signal)s")
    orphaned = Event(WARNING, "the master is gone; leaving within %(grace)g s")
    moved = Event(WARNING, "a job left this process in another folder; it finishes its jobs and gives way")
    setting_restored = Event(
        WARNING,
        "a job changed %(setting)s for all jobs of this process: it was %(found)r and is set back to %(before)r, as "
        "after any further change; what all jobs need can be set where the application is imported",
    )
    descriptors_lost = Event(
        ERROR,
        "a job has closed descriptors of this process; it gives way to a new one",
        traceback=True,
    )
    report_left_out = Event(ERROR, "a report is left out; so are all until one succeeds", traceback=True)
    pause_hooks_left_out = Event(
        ERROR,
        "the hooks around a pause are left out: their thread cannot be started",
        traceback=True,
    )
    pause_hook_failed = Event(ERROR, "a %(hook)s hook failed", traceback=True)
    fetcher_crashed = Event(ERROR, "the fetcher crashed; the worker's jobs will be recovered", traceback=True)
    fenced = Event(
        ERROR,
        "%(error)s; its jobs were recovered, this worker gives way to a new one",
    )
    queue_skipped = Event(WARNING, "queue %(queue)r is skipped: its key does not hold a list")
    failures_recorded = Event(INFO, "%(count)d failures are recorded at last")
    failures_unrecorded = Event(
        ERROR,
        "a failure cannot be recorded: %(refusal)s; %(count)d such jobs stay in flight with their records until that "
        "key is a list again, or deleted",
    )
    jobs_reappeared = Event(
        WARNING,
        "Redis has %(count)d jobs in flight for this worker that it had confirmed as settled, or never told: "
        "%(ended)d of them have ended and are acknowledged again, %(returned)d go back to their queues",
    )
    jobs_lost = Event(
        WARNING,
        "Redis has lost that %(count)d jobs are in flight here: %(begun)d have begun, %(dropped)d have not and are "
        "dropped",
    )
    job_failed = Event(INFO, "%(job)s of queue %(queue)s failed: %(error)s: %(text)s")
    record_incomplete = Event(ERROR, "a failure cannot be recorded in full", traceback=True)
    strays_ignored = Event(
        WARNING,
        "exceptions were raised from outside in job threads that were not in a job (%(count)d so far, such as "
        "%(kind)s): some library raises them late; they were ignored",
    )
    thread_replaced = Event(
        ERROR, "job thread %(index)d had ended out of turn; a new one goes on in its place"
    )
    threads_refused = Event(
        ERROR,
        "cannot start %(missing)d of %(wanted)d job threads: %(error)s; going on with %(living)d, and trying again "
        "every %(pause)g s",
    )
    threads_stand = Event(INFO, "all %(count)d job threads stand now")
    thread_ended = Event(ERROR, "job thread %(index)d ends", traceback=True)


class Housekeeper:
    """What the housekeeper does and sees."""

    channel_broken = Event(
        ERROR, "the channel to the master is broken; this housekeeper gives way to a new one"
    )
    stuck = Event(ERROR, "the housekeeper has been stuck for %(seconds).0f s: it is to be replaced")
    duty_failed = Event(
        ERROR,
        "the housekeeper failed at %(duty)s; trying that again in %(seconds)g s",
        traceback=True,
    )
    settings_lacking = Event(WARNING, "%(shortcoming)s")
    unanswered = Event(ERROR, "%(who)s does not answer within %(seconds)g s; going on without it")

    recovered = Event(
        WARNING,
        "recovered the jobs of %(incarnation)s (pid %(pid)d): %(requeued)d back to their queues,"
        " %(suspected)d suspects, %(failed)d failed",
    )
    recovery_failed = Event(ERROR, "cannot recover the jobs of %(incarnation)s now", traceback=True)
    jobs_kept = Event(
        ERROR,
        "%(jobs)d jobs of %(incarnation)s (pid %(pid)d) stay in flight, since no list takes them: %(reason)s",
    )
    daemon_died = Event(
        WARNING, "%(daemon)s has no heartbeat any more: %(jobs)d of its jobs are back in their queues"
    )
    orphan_killed = Event(
        WARNING, "killed the worker of pid %(pid)d: its master is gone, and it did not leave"
    )
    orphan_not_killed = Event(ERROR, "cannot kill the orphan of pid %(pid)d: %(error)s")

    registered_again = Event(INFO, "others took this daemon off Resque's registry; it is registered again")
    entries_removed = Event(INFO, "%(worker)s is dead; its entries in Resque's registry are removed")

    doorbell_works = Event(INFO, "the doorbell works")
    doorbell_lost = Event(DEBUG, "the doorbell: %(error)s")
    doorbell_refused = Event(WARNING, "no doorbell, so idle workers poll every INTERVAL: %(refusal)s")
    doorbell_crashed = Event(ERROR, "the doorbell crashed; fetchers poll", traceback=True)

    server_rewatched = Event(WARNING, "the embedded server's watcher was gone; another one watches now")
    server_unwatched = Event(ERROR, "nobody watches the embedded server: %(error)s")
    metrics_lost = Event(ERROR, "metrics could not be sent and are left out", traceback=True)
    statsd_unknown = Event(WARNING, "statsd's host %(host)s has no address: %(reason)s; trying again later")


class Store:
    """How Redis is, and what becomes of failure records."""

    redis_back = Event(DEBUG, "redis at %(where)s is back after %(seconds).1f s")
    redis_lost = Event(DEBUG, "%(error)s; trying again")
    backend_failed = Event(ERROR, "the failure backend %(backend)r failed", traceback=True)
    place_failed = Event(
        ERROR,
        "place() of the failure backend %(backend)s failed; the record goes to %(key)s",
        traceback=True,
    )


class Wire:
    """What cannot be sent between resqd's own processes."""

    message_left_out = Event(ERROR, "a message is left out: %(error)s")
    message_too_long = Event(ERROR, "a %(message)s of %(size)d bytes is left out: too long")


class App:
    """What the application's own code does: its hooks, callbacks and backends."""

    hook_failed = Event(ERROR, "the %(what)s %(hook)s failed", traceback=True)
    hook_called_exit = Event(
        ERROR, "the %(kind)s hook %(hook)s called sys.exit(%(code)r), which ends nothing", traceback=True
    )
    around_hook_failed = Event(ERROR, "a hook around all jobs failed", traceback=True)
    backend_failed = Event(ERROR, "the failure backend %(backend)r failed", traceback=True)
    failure_code_failed = Event(ERROR, "the application's code for failures failed", traceback=True)
    failures_wait = Event(WARNING, "the application is not told of failures yet: %(error)s")
    failure_left_out = Event(
        ERROR, "a failure is kept, but the application is not told of it: %(waiting)d others wait"
    )
    failures_left_out = Event(
        ERROR, "%(count)d failures were kept, but the application was not told of them in time"
    )
    threads_left_alive = Event(
        WARNING,
        "the application's import left threads alive, which workers will not have: %(threads)s",
    )


class Cli:
    """What the command says when it starts a daemon."""

    started = Event(INFO, "resqd %(name)s: %(jobs)d jobs of %(app)s, redis at %(redis)s")
    setting_warned = Event(WARNING, "%(warning)s")
    first_hook_refused = Event(ERROR, "%(error)s; the daemon goes on, since this is a reload")
    server_may_run_on = Event(WARNING, "the embedded server may run on: %(error)s")
