"""The exception tree: every error that resqd raises on purpose."""

from __future__ import annotations


class ResqdError(Exception):
    """Base of all errors that resqd raises on purpose; its text is one clear line."""


class SettingsError(ResqdError):
    """One or more settings are wrong; `problems` names each variable with its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class AppLoadError(ResqdError):
    """`--app MODULE:ATTR` names nothing that can be imported, or something that is not an App."""


class JobDefinitionError(ResqdError):
    """A function or class cannot be registered as a job."""


class HookError(ResqdError):
    """A hook of the application does not want the daemon to start."""


class UnknownJob(ResqdError):  # noqa: N818 - the name is shown to users in `failed`, in Resque's manner
    """A payload, or an enqueue by name, names a job that is not registered."""


class PayloadError(ResqdError):
    """A payload's bytes are not a job: bad JSON, not UTF-8, NaN, no class, args that are not a list."""


class Undecipherable(PayloadError):  # noqa: N818 - names what is wrong with the payload
    """A job's arguments, or a result, are encrypted with a key that this App does not have, or were changed."""


class ProtocolError(ResqdError):
    """Bytes on a socket between resqd's own processes are not a message, or too many."""


class ChannelClosed(ResqdError):  # noqa: N818 - names the state of the channel
    """The other end of a channel is gone."""


class StoreError(ResqdError):
    """Base of what can go wrong with Redis."""


class StoreUnavailable(StoreError):  # noqa: N818 - names the state of the store
    """Redis cannot be reached or answer now (down, loading, busy, read-only, failing over): try again."""


class NotSent(StoreUnavailable):
    """The same before anything was sent, or the server has said that it carried nothing out."""


class StoreRefused(StoreError):  # noqa: N818 - names the state of the store
    """Redis answers but refuses us: wrong password, a missing ACL right, too old a server. Needs a person."""


class LoginRefused(StoreRefused):
    """Redis does not let us in: the password, the user or the database is wrong."""


class Fenced(StoreError):  # noqa: N818 - the field's name for the state
    """This incarnation's in-flight hash is gone: recovery took its jobs, and it must act on none of them."""


class JobInterrupt(BaseException):
    """Raised inside a job's thread to stop it; `finally` blocks run, `except Exception` does not see it."""


class Handover(BaseException):
    """Raised in a long job whose daemon ends, or takes no jobs: it goes back to its queue, and on from its cursor.

    As with JobInterrupt, `finally` blocks run, and `except Exception` does not see it.
    """


class DirtyExit(ResqdError):  # noqa: N818 - Resque's name, written into failure records
    """A job did not end by itself: it was killed, or its process died under it."""


class JobTimeout(ResqdError):  # noqa: N818 - the name is shown to users in `failed`
    """A job ran longer than its timeout and was stopped, or its process was killed for that."""


class JobFailed(ResqdError):  # noqa: N818 - as JobTimeout; it is the job's error, told to who waits for it
    """A job that somebody waits for has ended without a result.

    `state` says how: failed, discarded, expired or removed.
    """

    def __init__(self, text: str, state: str = "failed") -> None:
        super().__init__(text)
        self.state = state


class DontPerform(ResqdError):  # noqa: N818 - Resque's name
    """Raised by a before_perform or around_perform hook: the job ends quietly, as done."""


class BatchDone(ResqdError):  # noqa: N818 - names the state of the batch
    """Something was to be added to a batch that is done, or whose producer was too late."""


class UnknownBatch(ResqdError):  # noqa: N818 - as UnknownJob
    """There is no batch of that id."""


class BatchError(ResqdError):
    """A batch or a workflow that cannot be made as it was said: a cycle, say."""


class AlreadyEnqueued(ResqdError):  # noqa: N818 - names the state of the job
    """A unique job was enqueued that is there already; `job_id` is the one that holds the lock, "" in a window."""

    def __init__(self, name: str, job_id: str) -> None:
        why = f"job {job_id} is not done yet" if job_id else "its window is not over yet"
        super().__init__(f"{name} is unique, and {why}")
        self.job_id = job_id


class LimitFull(ResqdError):  # noqa: N818 - names the state of the limit
    """A block that was to hold a limit has waited for it as long as it was told to."""


class CronError(ResqdError):
    """An act on an entry of the timetable that cannot be: there is none of that name, or it belongs to code."""
