"""The pages: for each what is read, and the view that shows it. A GET changes nothing."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from resqd.store.resque import payload as payloads
from resqd.web import lives
from resqd.web.data.histories import OVERS
from resqd.web.data.samples import rates
from resqd.web.data.wrong import faults
from resqd.web.http import HttpError, Page, link
from resqd.web.views import classes, failures, fleet, overview, queues
from resqd.web.views.reasons import of_job_seen
from resqd.web.views.steering import Steering, steering

if TYPE_CHECKING:
    from resqd.store.resque.failed_job import FailedJob
    from resqd.web.data.snapshot import Host
    from resqd.web.desk import Desk
    from resqd.web.http import Request

_LATELY: Final = 300.0
_OVERS: Final = {"10s": 10.0, "1m": 60.0, "10m": 600.0}
_SEARCHED_QUEUES: Final = 50
_SEARCHED_JOBS: Final = 100
_ANSWERS: Final = 200


def show_overview(desk: Desk, request: Request) -> Page:  # noqa: ARG001 - every page is called alike
    """What is wrong, how much is done, queues, hosts."""
    look = desk.looks.look()
    told = desk.memory.told(faults(look, rates(desk.samples.over(_LATELY))), look.now)
    return Page("overview.html", overview.overview(look, desk.samples.all(), told))


def show_queues(desk: Desk, request: Request) -> Page:
    """All queues."""
    return Page(
        "queues.html",
        queues.queues(
            desk.looks.look(),
            sort=request.asked("sort", "trouble"),
            named=request.asked("named"),
            start=request.number("from", 0),
        ),
    )


def show_queue(desk: Desk, request: Request) -> Page:
    """One queue with its jobs; one that is gone is an empty one."""
    name, start = _named(request), request.number("from", 0)
    glimpses = desk.books.glimpses.queue(name, start, queues.JOBS)
    size = desk.books.queues.size(name)
    return Page(
        "queue.html", queues.queue(desk.looks.look(), name, glimpses, desk.masks, start=start, size=size)
    )


def show_waiting_job(desk: Desk, request: Request) -> Page:
    """One job that waits, as far as it is still where it stood."""
    name, at, digest = _named(request), request.number("at", 0), request.asked("sha")
    start = max(0, at - _SEARCHED_JOBS)
    for glimpse in desk.books.glimpses.queue(name, start, at - start + 1):
        if glimpse.whole and glimpse.digest == digest:
            job = payloads.decode_or_explain(glimpse.raw)
            look = desk.looks.look()
            return Page(
                "waiting_job.html",
                {
                    "name": name,
                    "queue": look.queue(name),
                    "reasons": of_job_seen(look, job.id or "without id", name, position=glimpse.index),
                    "row": queues.job_row(glimpse, desk.masks, look.now),
                    "job": job,
                    "arguments": desk.masks.arguments(job.job_class, job.args),
                    "payload": desk.masks.payload(job.job_class, job.raw),
                    **lives.waiting_life(desk, job, name),
                },
            )
    raise HttpError(
        HTTPStatus.NOT_FOUND,
        "This job no longer waits where it stood.",
        "It has begun, ended or been deleted: look among the running and failed jobs.",
    )


def show_running(desk: Desk, request: Request) -> Page:
    """Every thread of every host that runs a job, the longest first."""
    wanted = fleet.Wanted(
        request.asked("text"), request.asked("queue"), request.asked("host"),
        _OVERS.get(request.asked("over"), 0.0),
    )  # fmt: skip
    shown = fleet.running(desk.looks.look(), desk.masks, wanted, start=request.number("from", 0))
    return Page("running.html", {**shown, "over": request.asked("over"), "overs": tuple(_OVERS)})


def show_failed(desk: Desk, request: Request) -> Page:
    """Failed jobs: searched, grouped, acted on."""
    asked = asked_of(request)
    look = desk.looks.look()
    before = request.number("before", -1)
    found = desk.search.page(failures.filter_of(asked, look.now), None if before < 0 else before)
    shown = failures.failed(
        found,
        asked,
        desk.masks,
        lists=desk.books.failures.lists(),
        kept=look.failures_kept,
        works=desk.works.all(),
        now=look.now,
    )
    return Page("failed.html", {**shown, "paged": before >= 0, "group_query": failures.group_query})


def show_failure(desk: Desk, request: Request) -> Page:
    """One failed job."""
    return Page("failure.html", failures.failure(failure_of(desk, request), desk.masks))


def show_classes(desk: Desk, request: Request) -> Page:
    """What jobs of each class did, and how long they took."""
    over = request.asked("over", "1h")
    if over not in OVERS:
        raise HttpError(
            HTTPStatus.BAD_REQUEST, "The address names no time.", "Choose one on the page of classes."
        )
    points = desk.histories.over(over, desk.looks.look().now)
    chosen = request.asked("class") or None
    return Page("classes.html", classes.classes(points, over=over, overs=tuple(OVERS), job_class=chosen))


def show_hosts(desk: Desk, request: Request) -> Page:
    """All daemons and Ruby workers."""
    shown = fleet.hosts(desk.looks.look(), start=request.number("from", 0))
    return Page("hosts.html", {**shown, "steering": _steering(desk, request)})


def show_host(desk: Desk, request: Request) -> Page:
    """One daemon, its workers and their threads."""
    look = desk.looks.look()
    shown = fleet.host(host_of(desk, request), desk.masks, look.now)
    return Page("host.html", {**shown, "now": look.now, "steering": _steering(desk, request)})


def _steering(desk: Desk, request: Request) -> Steering:
    """What may be asked of daemons, and the newest answers."""
    told = desk.books.remote.answers(_ANSWERS)
    return steering(told, asked=request.asked("act"), number=request.number("of", 0), signs=desk.signs)


def find(desk: Desk, request: Request) -> Page:
    """Where the text of the search field leads: a queue, a class, or a job by its id."""
    text = request.asked("q")
    if not text:
        return Page(goto=link("/"))
    look = desk.looks.look()
    if look.queue(text) is not None:
        return Page(goto=link("/queue", name=text))
    for job in look.running:
        if job.job_id == text:
            return lives.running_job(desk, job)
    found = desk.search.of_job(text)
    if found is not None:
        return Page(goto=link("/failure", list=found.list_name, at=found.index, sha=failures.failed_row(
            found, desk.masks).digest))  # fmt: skip
    if (place := _waiting(desk, text)) is not None:
        return Page(goto=place)
    if (page := lives.found_elsewhere(desk, text)) is not None:
        return page
    if text in desk.app.jobs or any(job.job_class == text for job in look.running):
        return Page(goto=link("/failed", **{"class": text}))
    return Page("not_found.html", {"text": text, "queues": _SEARCHED_QUEUES, "jobs": _SEARCHED_JOBS})


def _waiting(desk: Desk, job_id: str) -> str | None:
    """Where a job waits, among the oldest of the longest queues."""
    waiting = sorted(
        (queue for queue in desk.looks.look().queues if queue.size), key=lambda each: -(each.size or 0)
    )
    needle = job_id.encode("utf-8", "replace")
    for queue in waiting[:_SEARCHED_QUEUES]:
        for glimpse in desk.books.glimpses.queue(queue.name, 0, _SEARCHED_JOBS):
            if needle in glimpse.raw and payloads.decode_or_explain(glimpse.raw).id == job_id:
                return link("/job", name=queue.name, at=glimpse.index, sha=glimpse.digest)
    return None


def asked_of(request: Request) -> dict[str, str]:
    """The filter's part of a query, or of a form."""
    source = request.form if request.method == "POST" else request.query
    asked = {name: source[name][-1].strip() for name in failures.FILTERED if name in source}
    return {name: text for name, text in asked.items() if text}


def failure_of(desk: Desk, request: Request) -> FailedJob:
    """The failure that an address names; raises HttpError where it is gone."""
    found = desk.search.at(request.asked("list", "failed"), request.number("at", 0), request.asked("sha"))
    if found is None:
        raise HttpError(
            HTTPStatus.NOT_FOUND,
            "This failure is no longer in its list.",
            "It was requeued or removed meanwhile; the list of failed jobs shows what is left.",
        )
    return found


def host_of(desk: Desk, request: Request) -> Host:
    """The daemon that an address names; raises HttpError where it is not registered."""
    wanted = request.asked("id")
    for host in desk.looks.look().hosts:
        if host.worker.id.text == wanted:
            return host
    raise HttpError(
        HTTPStatus.NOT_FOUND,
        "No daemon or worker of that name is registered.",
        "It has ended: one that starts anew has another name. The page of hosts shows all.",
    )


def _named(request: Request) -> str:
    name = request.query.get("name", [""])[-1]
    if not name:
        raise HttpError(
            HTTPStatus.BAD_REQUEST, "The address names no queue.", "Choose one on the page of queues."
        )
    return name
