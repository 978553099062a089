"""The words of what a worker does and sees."""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING

from resqd.events.event import Event


class Worker:
    """What a worker does and sees, and what jobs do to it."""

    signalled = Event(INFO, "got %(signal)s")
    jobs_killed = Event(WARNING, "%(by)s: killing the jobs %(jobs)s")
    orphaned = Event(WARNING, "the master is gone; leaving within %(grace)g s")
    forker_lost = Event(
        ERROR, "the process that forks isolated jobs is gone; this one finishes its jobs and gives way"
    )
    no_process = Event(
        WARNING, "the system has no process for %(job)s, which is to be isolated; again in %(delay).0f s"
    )
    job_process_crashed = Event(ERROR, "a process for isolated jobs ends", traceback=True)
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
    result_not_kept = Event(WARNING, "job %(job)s is done, and what it returned is not kept: %(why)s")
    failures_recorded = Event(INFO, "%(count)d failures are recorded at last")
    failures_unrecorded = Event(
        ERROR,
        "a failure cannot be recorded: %(refusal)s; %(count)d such jobs stay in flight with their records until that "
        "key is a list again, or deleted",
    )
    jobs_unmoved = Event(
        ERROR,
        "jobs cannot be put off: %(refusal)s; %(count)d of them stay in flight until that key is deleted",
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
    job_failed = Event(WARNING, "%(job)s of queue %(queue)s failed: %(error)s: %(text)s")
    job_retried = Event(
        INFO,
        "%(job)s of queue %(queue)s failed in try %(attempt)d, next in %(delay).1f s: %(error)s: %(text)s",
    )
    job_snoozed = Event(INFO, "%(job)s of queue %(queue)s asked to be run again in %(delay).1f s")
    job_passed_on = Event(
        DEBUG,
        "%(job)s of queue %(queue)s is not known here, but another daemon may know it: it is offered again in "
        "%(delay).1f s",
    )
    job_discarded = Event(INFO, "%(job)s of queue %(queue)s discarded itself: %(reason)s")
    job_expired = Event(INFO, "%(job)s of queue %(queue)s was not begun: it expired %(late).1f s ago")
    retry_failed = Event(
        ERROR, "the retry policy of %(job)s failed, so the job fails for good", traceback=True
    )
    job_begins = Event(DEBUG, "%(job)s of queue %(queue)s begins")
    job_ended = Event(DEBUG, "%(job)s of queue %(queue)s ended after %(seconds).3f s")
    job_slow = Event(INFO, "%(job)s of queue %(queue)s is slow: it has run for %(seconds).0f s")
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
