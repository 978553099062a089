"""The words of what the store, the wire, the application and the command do and see."""

from __future__ import annotations

from logging import DEBUG, ERROR, INFO, WARNING

from resqd.events.event import Event


class Store:
    """How Redis is, and what becomes of failure records."""

    redis_back = Event(DEBUG, "redis at %(where)s is back after %(seconds).1f s")
    redis_lost = Event(DEBUG, "%(error)s; trying again")
    history_unreadable = Event(DEBUG, "a row of the history is left out: %(reason)s")
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
    shard_unserved = Event(WARNING, "jobs are put on the shard %(shard)s, and no daemon serves it")
    failure_left_out = Event(
        ERROR, "a failure is kept, but the application is not told of it: %(waiting)d others wait"
    )
    failures_left_out = Event(
        ERROR, "%(count)d failures were kept, but the application was not told of them in time"
    )
    try_not_kept = Event(WARNING, "the result of this task lacks a try: %(error)s")
    threads_left_alive = Event(
        WARNING,
        "the application's import left threads alive, which workers will not have: %(threads)s",
    )


class Cli:
    """What the command says when it starts a daemon."""

    started = Event(INFO, "resqd %(name)s: %(jobs)d jobs of %(app)s, redis at %(redis)s")
    import_failed = Event(DEBUG, "%(module)s cannot be imported", traceback=True)
    jobs_known = Event(INFO, "jobs by queue: %(jobs)s")
    shards_told = Event(
        INFO, "jobs are on %(shards)d shards, %(home)s is home; each has a worker of its own at least"
    )
    shape_told = Event(
        INFO,
        "takes from %(queues)s%(order)s of namespace %(namespace)s with %(workers)d workers x %(threads)d threads, "
        "%(each)s; TERM means %(term)s",
    )
    fork_each_told = Event(
        INFO,
        "faster: each job has a fork of its own, as in Resque; --preset balanced runs many times as many jobs",
    )
    one_thread_told = Event(
        INFO, "faster: --threads 8, where jobs wait for others, such as databases and networks"
    )
    setting_warned = Event(WARNING, "%(warning)s")
    namespace_of_project = Event(
        INFO,
        "this project's namespace on the embedded server is %(namespace)s, since %(folder)s has %(default)s there; "
        "RESQD_NAMESPACE says otherwise, for all that enqueues, too",
    )
    first_hook_refused = Event(ERROR, "%(error)s; the daemon goes on, since this is a reload")
    server_may_run_on = Event(WARNING, "the embedded server may run on: %(error)s")


class Outbox:
    """What becomes of the jobs in an application's outbox."""

    failed = Event(ERROR, "cannot move the jobs of an outbox to Redis, they stay there: %(error)s")
    refused = Event(
        WARNING,
        "jobs of an outbox stay there, since Redis, or this release, does not take them: queues %(queues)s",
    )
    again = Event(INFO, "the jobs of the outboxes go to Redis again")


class Web:
    """What the web page does, and was asked to do: the audit."""

    act = Event(INFO, "%(user)s at %(remote)s: %(act)s %(fields)s: %(result)s")
    page_failed = Event(ERROR, "the web page %(path)s failed", traceback=True)
    serving = Event(INFO, "the web page is at %(address)s")
    next_address = Event(INFO, "that address was used; for another browser: %(address)s")
