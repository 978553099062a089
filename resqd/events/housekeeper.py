"""The words of what the housekeeper does and sees."""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING

from resqd.events.event import Event


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
    shard_strange = Event(
        ERROR,
        "%(shard)s is a shard of another home: give the same REDIS_SHARDS everywhere, the home shard first",
    )
    settings_lacking = Event(WARNING, "%(shortcoming)s")
    unanswered = Event(ERROR, "%(who)s does not answer within %(seconds)g s; going on without it")

    recovered = Event(
        WARNING,
        "recovered the jobs of %(incarnation)s (pid %(pid)d): %(requeued)d back to their queues,"
        " %(suspected)d suspects, %(failed)d failed, %(later)d to be tried again",
    )
    ends_reappeared = Event(
        WARNING,
        "%(jobs)d jobs of %(incarnation)s (pid %(pid)d) had ended, and Redis had lost that: told it again",
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

    act_passed = Event(INFO, "%(by)s asks: %(act)s")
    act_refused = Event(WARNING, "refused to %(act)s for %(by)s: %(why)s")

    cron_entered = Event(INFO, "cron entry %(entry)s: %(schedule)s")
    cron_removed = Event(INFO, "cron entry %(entry)s is removed: no living daemon declares it")
    cron_ticked = Event(DEBUG, "cron entry %(entry)s: %(jobs)d jobs enqueued to %(queue)s")
    cron_missed = Event(
        WARNING,
        "cron entry %(entry)s missed times since %(since)s (misfire=%(misfire)s): %(jobs)d jobs enqueued",
    )
    cron_moved = Event(
        WARNING, "cron entry %(entry)s: its next time was behind others; Redis's clock was ahead"
    )
    cron_taken = Event(
        ERROR, "cron entry %(entry)s belongs to the application %(app)s; give one of them another name=..."
    )
    cron_unreadable = Event(ERROR, "cron entry %(entry)s cannot be carried out here: %(reason)s")
    cron_refused = Event(WARNING, "cron entry %(entry)s: queue %(queue)s takes no jobs: %(reason)s")

    members_lost = Event(
        WARNING,
        "%(count)d jobs of batches are nowhere any more: somebody else took them away; they count as skipped",
    )
    locks_released = Event(WARNING, "released %(count)d locks of unique jobs that are nowhere any more")

    redis_moved = Event(WARNING, "another Redis server takes the writes now; links to it are opened anew")
    scheduling = Event(INFO, "moving resque-scheduler's delayed jobs to their queues when they are due")
    scheduling_left = Event(INFO, "leaving resque-scheduler's delayed jobs to %(holder)s")
    delayed_refused = Event(
        WARNING, "%(count)d delayed jobs are put off for 5 s: the keys of their queues are no lists"
    )

    promotion_polls = Event(
        WARNING,
        "Redis does not tell of changes, so jobs that are due are looked for every second: %(refusal)s",
    )
    promotion_refused = Event(ERROR, "jobs that are due cannot be moved to their queues: %(error)s")
    promotion_failed = Event(
        ERROR, "the housekeeper failed at moving jobs that are due; trying again", traceback=True
    )
    doorbell_works = Event(INFO, "the doorbell works")
    doorbell_lost = Event(DEBUG, "the doorbell: %(error)s")
    doorbell_refused = Event(
        WARNING,
        "no doorbell, so the housekeeper asks for jobs, at INTERVAL and up to four times a second: %(refusal)s",
    )
    doorbell_crashed = Event(ERROR, "the doorbell crashed; fetchers poll", traceback=True)

    server_rewatched = Event(WARNING, "the embedded server's watcher was gone; another one watches now")
    server_unwatched = Event(ERROR, "nobody watches the embedded server: %(error)s")
    metrics_lost = Event(ERROR, "metrics could not be sent and are left out", traceback=True)
    scrape_refused = Event(WARNING, "cannot answer scrapers at %(where)s, trying again: %(why)s")
    statsd_unknown = Event(WARNING, "statsd's host %(host)s has no address: %(reason)s; trying again later")
    namespace_shared = Event(
        WARNING,
        "the queues of namespace %(namespace)s hold jobs of %(others)s too, and QUEUES=* takes those as well and puts "
        "them back and makes them late: name this application's queues, or give each a RESQD_NAMESPACE of its own",
    )
