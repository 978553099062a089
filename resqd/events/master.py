"""The words of what the master does and sees."""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING

from resqd.events.event import Event


class Master:
    """What the master does and sees."""

    signal_received = Event(INFO, "got %(name)s")
    intent_changed = Event(INFO, "%(intent)s: was %(before)s")
    pause_file_seen = Event(INFO, "paused: %(path)s exists")
    pause_key_seen = Event(INFO, "paused: the key %(key)s in Redis says so")
    pause_key_gone = Event(INFO, "no key in Redis pauses this daemon any more")
    queues_paused = Event(INFO, "paused queues: %(queues)s")
    pause_files_gone = Event(INFO, "the pause files are gone")
    scaled = Event(INFO, "scaling from %(before)d to %(after)d workers")
    not_scaled = Event(WARNING, "%(why)s")
    drain_too_long = Event(WARNING, "the drain took longer than %(seconds)g s; stopping")
    drain_waits = Event(
        INFO,
        "%(by)s: waiting up to %(seconds)g s for %(count)d jobs to finish: %(jobs)s; one more stops them",
    )
    stop_kills = Event(
        WARNING,
        "%(by)s: killing %(count)d jobs, which go to the failed list as DirtyExit: %(jobs)s; RESQD_TERM=drain would "
        "let them finish first, RESQD_TERM=requeue would put back what does not",
    )
    drain_kills = Event(
        WARNING,
        "%(by)s: killing %(count)d jobs, which go to the failed list as DirtyExit: %(jobs)s; a longer DRAIN_TIMEOUT "
        "would let them finish, RESQD_TERM=requeue would put them back",
    )
    stop_requeues = Event(
        WARNING,
        "%(by)s: stopping %(count)d jobs, which go back to their queues uncharged: %(jobs)s; a longer DRAIN_TIMEOUT "
        "would let them finish",
    )
    jobs_killed = Event(
        WARNING, "%(by)s: killing %(count)d jobs, which go to the failed list as DirtyExit: %(jobs)s"
    )
    job_killed = Event(WARNING, "%(by)s: killing %(job)s on %(child)s")
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
    killing = Event(WARNING, "killing %(child)s, which runs %(jobs)s: %(why)s")
    strange_message = Event(WARNING, "%(child)s sent a %(message)s")
    strangers_reaped = Event(DEBUG, "reaped %(count)d processes that jobs had left behind")
    stood_still = Event(WARNING, "the master stood still for %(seconds).1f s")
    turn_failed = Event(ERROR, "a turn of the master's loop failed; going on", traceback=True)
    left_unsettled = Event(
        WARNING,
        "leaving, though the jobs of dead workers are not back in their queues: redis does not answer",
    )
    redis_lost = Event(WARNING, "%(why)s; trying again until it is back")
    redis_refused = Event(
        ERROR,
        "%(why)s; that does not pass by itself: it is tried again every 5 s until somebody puts it right",
    )
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
