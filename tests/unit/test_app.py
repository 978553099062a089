"""App: its public surface."""

from typing import Any

import pytest

import resqd
from resqd.app import App

FOR_USERS = {
    "registering": {"job", "discover", "jobs", "find", "cron", "around_each_job", "hooks", "failure_policy"},
    "enqueueing": {"enqueue", "enqueue_to", "enqueue_many", "dequeue", "push", "resque_scheduler"},
    "on an event loop": {"aenqueue", "aenqueue_to", "aenqueue_many", "aenqueue_in", "aenqueue_at", "awhere", "acancel",
                         "areschedule", "arun_now"},
    "later": {"enqueue_in", "enqueue_at", "later", "result", "where", "cancel", "cancel_all", "reschedule", "run_now",
              "run_all_now"},
    "batches": {"batch", "workflow", "own_batch", "batches"},
    "looking": {"pop", "peek", "size", "queues", "queue_sizes", "sample_queues", "remove_queue", "info", "keys",
                "pause_queue", "resume_queue", "paused_queues"},
    "of all hosts": {"stats", "failures", "workers"},
    "without a daemon": {"inline", "run_one"},
    "whose": {"name", "release"},
    "its Redis": {"configure", "store", "close"},
}  # fmt: skip


def test_names_are_offered_before_they_are_imported() -> None:
    """What completes names in a shell finds all that there is."""
    assert {"App", "Retry", "current_job", "testing"} <= set(dir(resqd)) == set(resqd.__all__)


def test_the_surface_holds_what_users_need() -> None:
    """A method for resqd's own use stands in `application/`, where completion in an editor does not offer it."""
    app = App()
    assert {name for name in dir(app) if not name.startswith("_")} == set[str]().union(*FOR_USERS.values())


def test_the_jobs_can_be_looked_at_and_not_changed() -> None:
    """What is registered is registered by `job`."""
    app = App()
    app.job(name="Send")(test_the_jobs_can_be_looked_at_and_not_changed)
    jobs: Any = app.jobs
    assert list(jobs) == ["Send"]
    with pytest.raises(TypeError):
        jobs["Other"] = jobs["Send"]
