"""Which address is which page or act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from resqd.web import acts, gates, gatherings, lives, pages, plans, questions, steer

if TYPE_CHECKING:
    from collections.abc import Callable

    from resqd.web.desk import Desk
    from resqd.web.http import Page, Request

    Handler = Callable[[Desk, Request], Page]

PAGES: Final[dict[str, Handler]] = {
    "/": pages.show_overview,
    "/queues": pages.show_queues,
    "/queue": pages.show_queue,
    "/job": pages.show_waiting_job,
    "/running": pages.show_running,
    "/later": plans.show_later,
    "/later/job": lives.show_later_job,
    "/cron": plans.show_cron,
    "/limits": gates.show_limits,
    "/limit": gates.show_limit,
    "/unique": gates.show_unique,
    "/batches": gatherings.show_batches,
    "/workflows": gatherings.show_workflows,
    "/batch": gatherings.show_batch,
    "/classes": pages.show_classes,
    "/failed": pages.show_failed,
    "/failure": pages.show_failure,
    "/hosts": pages.show_hosts,
    "/host": pages.show_host,
    "/find": pages.find,
    "/running/kill": questions.ask_kill,
    "/queue/clear": questions.ask_clear,
    "/host/steer": steer.ask_steer,
    "/queue/delete": questions.ask_delete,
    "/later/cancel": questions.ask_cancel,
    "/limit/set": gates.ask_limit,
    "/unique/release": gates.ask_release,
    "/batch/cancel": gatherings.ask_cancel_batch,
    "/failed/remove": questions.ask_remove,
    "/failed/all/remove": questions.ask_remove_matching,
}
"""What a GET shows."""

ACTS: Final[dict[str, Handler]] = {
    "/running/kill": acts.kill,
    "/host/steer": steer.steer,
    "/queue/clear": acts.clear_queue,
    "/queue/delete": acts.delete_job,
    "/queue/pause": acts.pause_queue,
    "/queue/resume": acts.resume_queue,
    "/later/run": plans.run_later,
    "/later/move": plans.move_later,
    "/later/cancel": plans.cancel_later,
    "/cron/run": plans.run_entry,
    "/cron/pause": plans.pause_entry,
    "/cron/resume": plans.resume_entry,
    "/limit/set": gates.set_limit,
    "/limit/declared": gates.unset_limit,
    "/unique/release": gates.release,
    "/batch/cancel": gatherings.cancel_batch,
    "/batch/retry": gatherings.retry_batch,
    "/failed/requeue": acts.requeue,
    "/failed/remove": acts.remove,
    "/failed/ticked": acts.ticked,
    "/failed/all/requeue": acts.requeue_matching,
    "/failed/all/remove": acts.remove_matching,
    "/failed/all/count": acts.count_matching,
    "/failed/stop": acts.stop_work,
}
"""What a POST does."""
