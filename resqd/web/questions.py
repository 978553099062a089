"""Asked before an act that cannot be taken back: what it does, to how many, and what to type."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from resqd.web import words
from resqd.web.data.failed import Filter
from resqd.web.http import HttpError, Page
from resqd.web.pages import asked_of, failure_of
from resqd.web.views import failures
from resqd.web.views.fleet import running_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from resqd.web.data.snapshot import Running
    from resqd.web.desk import Desk
    from resqd.web.http import Request

TYPED_FROM: Final = 100
"""So many jobs and more are typed."""


@dataclass(frozen=True, slots=True)
class Question:
    """`typed` is what has to be typed, empty for nothing; `fields` go with the form; `keep` is the way out."""

    title: str
    text: str
    button: str
    keep: str
    action: str
    back: str
    typed: str = ""
    number: str = ""
    """What the number that is asked for is called; empty for none."""
    value: str = ""
    least: int = 1
    most: int = 1024
    fields: Mapping[str, str] = field(default_factory=dict)


def ask_kill(desk: Desk, request: Request) -> Page:
    """Before a job is killed."""
    job = running_of(desk, request.asked("worker"), request.asked("place"), request.asked("began"))
    row = running_row(job, desk.masks, desk.looks.look().now)
    host = words.name(job.worker.id.host)
    fate = (
        "It is interrupted; if it does not end by itself within KILL_GRACE, its worker process is killed with it, and "
        "the other jobs there go back to their queues. This one is recorded as failed."
        if job.worker.ours
        else "It runs in a Ruby worker, which looks every few seconds whether a job is to be killed."
    )
    return ask(
        Question(
            title=f"Kill {words.cut(job.job_class, 60)} on {host}?",
            text=f"It has run for {words.age(row.age)}. {fate}",
            button="Kill job",
            keep="Keep running",
            action="/running/kill",
            back="/running",
            fields={"worker": job.worker.id.text, "place": job.place, "began": began_of(job)},
        )
    )


def ask_clear(desk: Desk, request: Request) -> Page:
    """Before a queue goes with all its jobs."""
    name = request.query.get("name", [""])[-1]
    size = desk.books.queues.size(name)
    return ask(
        Question(
            title=f"Clear the queue {words.name(name)}?",
            text=f"{words.plural(size, 'job')} that wait in it are deleted for good, and the queue is taken off the "
            "list until somebody pushes to it again. Jobs that run already are not touched.",
            button=f"Clear {words.plural(size, 'job')}",
            keep="Keep them",
            action="/queue/clear",
            back="/queues",
            typed=words.name(name),
            fields={"name": name},
        )
    )


def ask_delete(desk: Desk, request: Request) -> Page:  # noqa: ARG001 - every question is asked alike
    """Before one waiting job is deleted."""
    name, at, digest = request.query.get("name", [""])[-1], request.asked("at"), request.asked("sha")
    return ask(
        Question(
            title="Delete this job?",
            text=f"It leaves the queue {words.name(name)} for good and never runs.",
            button="Delete job",
            keep="Keep it",
            action="/queue/delete",
            back="/queues",
            fields={"name": name, "at": at, "sha": digest},
        )
    )


def ask_cancel(desk: Desk, request: Request) -> Page:  # noqa: ARG001 - every question is asked alike
    """Before a job that is to run later is taken away."""
    return ask(
        Question(
            title="Cancel this job?",
            text="It is taken away for good and never runs.",
            button="Cancel job",
            keep="Keep it",
            action="/later/cancel",
            back="/later",
            fields={"ticket": request.asked("ticket")},
        )
    )


def ask_remove(desk: Desk, request: Request) -> Page:
    """Before one failure is removed."""
    failure = failure_of(desk, request)
    row = failures.failed_row(failure, desk.masks)
    return ask(
        Question(
            title="Remove this failed job for good?",
            text=f"{words.cut(failure.job_class, 80)} {words.short_id(failure.id)} cannot be brought back.",
            button="Remove job",
            keep="Keep it",
            action="/failed/remove",
            back="/failed",
            fields={"list": failure.list_name, "at": str(failure.index), "sha": row.digest},
        )
    )


def ask_remove_matching(desk: Desk, request: Request) -> Page:
    """Before all failures that the filter matches are removed."""
    asked = asked_of(request)
    number, exactly = how_many(desk, asked)
    said = words.count(number) if exactly else f"at least {words.count(number)}"
    list_name = asked.get("list", "failed")
    chosen = ", ".join(chip.text for chip in failures.chips(asked)) or "no filter: all of them"
    return ask(
        Question(
            title=f"Remove {said} failed jobs for good?",
            text=f"All in {words.name(list_name)} with {chosen}. They cannot be brought back. Jobs that fail from now "
            "on are not touched." + ("" if exactly else " The list is longer than one page can count."),
            button=f"Remove {said} jobs" if exactly else "Remove all that match",
            keep="Keep them",
            action="/failed/all/remove",
            back="/failed",
            typed=typed_for(number, list_name, exactly=exactly),
            fields=asked,
        )
    )


def how_many(desk: Desk, asked: dict[str, str]) -> tuple[int, bool]:
    """How many failures a filter matches, and whether that is exact."""
    now = desk.looks.look().now
    if (count := failures.counted(desk.works.all(), asked)) is not None:
        return count.changed, False
    wanted = failures.filter_of(asked, now)
    if wanted == Filter(list_name=wanted.list_name):
        return desk.books.failures.length(wanted.list_name), True
    found = desk.search.page(wanted)
    return found.groups.total, found.everything


def typed_for(number: int, list_name: str, *, exactly: bool) -> str:
    """What has to be typed before so many are removed: the count, or the list's name where it is not known."""
    if not exactly:
        return list_name
    return str(number) if number > TYPED_FROM else ""


def running_of(desk: Desk, worker: str, place: str, began: str) -> Running:
    """The job that runs on that thread since then; raises HttpError where it has ended."""
    for job in desk.looks.look().running:
        if job.worker.id.text == worker and job.place == place and began_of(job) == began:
            return job
    raise HttpError(
        HTTPStatus.NOT_FOUND, "That job runs no longer.", "It has ended by itself; nothing was killed."
    )


def began_of(job: Running) -> str:
    """What tells a job from the next one on its thread."""
    return f"{job.status.run_at} {job.job_id or ''}"


def ask(question: Question) -> Page:
    """The page of a question."""
    return Page("question.html", {"question": question})
