"""One job wherever it is: running, to run later, parked for a limit, or ended with its result kept."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from resqd.explain.reasons import JobFacts, of_job
from resqd.store.gates.gates import Gates
from resqd.store.resque import payload as payloads
from resqd.store.resque.outcome import read
from resqd.web import words
from resqd.web.http import HttpError, Page, link
from resqd.web.views import fleet
from resqd.web.views.timeline import Moment, batch_of, seen, timeline

if TYPE_CHECKING:
    from resqd.store.later.later import Waiting
    from resqd.store.resque.payload import Payload
    from resqd.web.data.snapshot import Running
    from resqd.web.desk import Desk
    from resqd.web.http import Request

_LONGEST_RESULT = 4_000


def running_job(desk: Desk, running: Running) -> Page:
    """The page of a job that runs."""
    look = desk.looks.look()
    job = seen(running.status.payload)
    facts = JobFacts(
        running.job_id or "without id",
        running=f"on thread {running.thread} of process {running.pid} of {running.worker.id.text} since "
        f"{running.status.run_at}",
    )
    now = Moment(running.since, "Began", f"on {words.name(running.worker.id.host)}", "running")
    return Page(
        "running_job.html",
        {
            "row": fleet.running_row(running, desk.masks, look.now),
            "arguments": desk.masks.arguments(running.job_class, running.args),
            "reasons": of_job(facts),
            **_life(desk, job, now),
        },
    )


def show_later_job(desk: Desk, request: Request) -> Page:
    """One job that is to run later."""
    ticket = request.asked("ticket")
    waiting = desk.app.store.on_later(lambda later: later.get(ticket))
    if waiting is None:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "This job is not to run later any more.",
            "It has become due, or was cancelled: look among the waiting and running jobs.",
        )
    return _later(desk, waiting)


def _later(desk: Desk, waiting: Waiting) -> Page:
    job, now = payloads.decode_or_explain(waiting.raw), desk.looks.look().now
    tries = _tries(desk, job.id)
    facts = JobFacts(
        job.id or waiting.ticket,
        due=waiting.due,
        tries=tuple(f"{each.get('exception')}: {words.cut(str(each.get('error')), 200)}" for each in tries),
    )
    due = Moment(waiting.due, "Due", f"goes to {words.name(waiting.queue)}", "later")
    return Page(
        "later_job.html",
        {
            "job": job,
            "arguments": desk.masks.arguments(job.job_class, job.args),
            "queue": waiting.queue,
            "ticket": waiting.ticket,
            "left": waiting.due - now,
            "gates": (),
            "reasons": of_job(facts),
            **_life(desk, job, due, tries=tries),
        },
    )


def found_elsewhere(desk: Desk, job_id: str) -> Page | None:
    """The page of a job that neither waits in a queue nor runs nor has failed, by its id; None: it is nowhere."""
    if desk.app.store.on_later(lambda later: later.get(job_id)) is not None:
        return Page(goto=link("/later/job", ticket=job_id))
    return _parked(desk, job_id) or _ended(desk, job_id)


def _parked(desk: Desk, job_id: str) -> Page | None:
    def look(gates: Gates) -> tuple[Any, str] | None:
        parked = gates.parked(job_id)
        if parked is None:
            return None
        full = [gates.gate_now(name) for name in parked.gates]
        return parked, "; ".join(f"{each.name}: {each.used} hold it, {each.waiting} wait" for each in full)

    found = desk.app.store.on_link(lambda link, keys: look(Gates(link=link, keys=keys)))
    if found is None:
        return None
    parked, why = found
    job = payloads.decode_or_explain(parked.raw)
    now = Moment(None, "Parked", "until there is room", "parked")
    return Page(
        "later_job.html",
        {
            "job": job,
            "arguments": desk.masks.arguments(job.job_class, job.args),
            "queue": parked.queue,
            "ticket": "",
            "left": None,
            "gates": parked.gates,
            "reasons": of_job(JobFacts(job.id or job_id, parked=why)),
            **_life(desk, job, now),
        },
    )


def _ended(desk: Desk, job_id: str) -> Page | None:
    """A job whose end is kept; what it returned is shown unless arguments are hidden."""
    outcome = read(desk.app.store.result(job_id))
    if not outcome.ended:
        return None
    hidden = desk.masks.hides_all
    value = "hidden" if hidden else words.as_json(outcome.value, _LONGEST_RESULT)
    return Page(
        "ended_job.html",
        {"job_id": job_id, "state": outcome.state, "value": value, "error": outcome.error or ""},
    )


def _life(
    desk: Desk, job: Payload, now_at: Moment, *, tries: list[dict[str, Any]] | None = None
) -> dict[str, object]:
    tries = _tries(desk, job.id) if tries is None else tries
    return {"timeline": timeline(job, tries, now_at), "batch": batch_of(job)}


def _tries(desk: Desk, job_id: str | None) -> list[dict[str, Any]]:
    return desk.app.store.on_later(lambda later: later.attempts(job_id)) if job_id else []


def waiting_life(desk: Desk, job: Payload, name: str) -> dict[str, object]:
    """What the page of a job that waits in a queue says of its life."""
    return _life(desk, job, Moment(None, "Waits", f"in {words.name(name)}", "waiting"))
