"""Enqueueing: payloads, their order and ids, and the hooks around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from resqd.application.catalog import Catalog
from resqd.application.producer import Producer
from resqd.definition import Definition
from resqd.errors import AlreadyEnqueued, PayloadError
from resqd.job import Job
from resqd.options import JobOptions
from resqd.store.later.later import When
from resqd.store.resque import payload as payloads
from resqd.store.unique.locks import Claim, Terms
from resqd.unique import Unique
from tests.support.loose_jobs import mail


class Taken:
    """An outlet that keeps what it was given."""

    def __init__(self) -> None:
        self.pushes: list[tuple[str, list[payloads.Payload]]] = []
        self.holders: list[str | None] = [None] * 9
        self.keeps = False

    @property
    def home(self) -> Taken:
        return self

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        self.pushes.append((queue, [payloads.decode(raw) for raw in raws]))
        return len(self.pushes[-1][1])

    def push_front(self, queue: str, raws: Sequence[bytes]) -> int:
        return self.push(f"front of {queue}", raws)

    def put_unique(
        self,
        queue: str,
        claims: Sequence[Claim],
        terms: Terms,
        *,
        when: When | None = None,
        front: bool = False,
    ) -> list[str | None]:
        place = f"{queue} {terms.on_conflict}" + (" later" if when else "") + (" front" if front else "")
        self.push(place, [claim.raw for claim in claims])
        return self.holders[: len(claims)]

    def put_later(self, queue: str, jobs: Iterable[tuple[str, bytes]], when: When) -> list[str]:
        pairs = list(jobs)
        self.push(f"{queue} {when.word} {when.micros}", [raw for _, raw in pairs])
        return [job_id for job_id, _ in pairs]

    def keeps_results(self) -> None:
        self.keeps = True

    def args(self) -> list[list[object]]:
        return [job.args for _, jobs in self.pushes for job in jobs]


def _made(unique: Unique | None = None) -> tuple[Producer, Taken, Job[..., tuple[int, str, int]]]:
    store = Taken()
    producer = Producer(lambda: store)
    catalog = Catalog(job_type=Job, sender=producer)
    return (
        producer,
        store,
        catalog.add(Definition.of(mail), queue="q", name="Mail", options=JobOptions(unique=unique)),
    )


def test_what_a_hook_vetoes_has_no_id() -> None:
    """Of many, those that are left keep their places."""
    _, store, job = _made()
    after: list[int] = []
    job.before_enqueue(lambda user: user != 2)
    job.after_enqueue(after.append)
    first, second, third = job.enqueue_many([(1,), (2,), (3,)])
    [(queue, sent)] = store.pushes
    assert (queue, [one.id for one in sent], second) == ("q", [first, third], None)
    assert (store.args(), after) == ([[1], [3]], [1, 3])


def test_a_stand_in_takes_what_is_enqueued_until_it_is_taken_away() -> None:
    """Redis is not asked meanwhile, and has the rest."""
    producer, store, job = _made()
    stand_in = Taken()
    assert producer.redirect(stand_in) is None
    assert producer.send(job, "q", [1])
    assert producer.redirect(None) is stand_in
    assert producer.send(job, "q", [2])
    assert (stand_in.args(), store.args()) == ([[1]], [[2]])


def test_a_job_that_is_known_elsewhere_needs_a_name() -> None:
    """It goes as it is told."""
    producer, store, _ = _made()
    with pytest.raises(PayloadError, match="cannot be blank"):
        producer.send_unregistered(" ", "q", [])
    job_id = producer.send_unregistered("Elsewhere", "low", [1])
    [(queue, [sent])] = store.pushes
    assert (queue, sent.job_class, sent.id, sent.args) == ("low", "Elsewhere", job_id, [1])


def test_a_job_may_go_elsewhere_later_or_to_the_front() -> None:
    """As the call says; many at once as well, and hooks are asked as ever."""
    _, store, job = _made()
    after: list[int] = []
    job.before_enqueue(lambda user: user != 2)
    job.after_enqueue(after.append)
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    delayed = job.enqueue_in(60, 1)
    assert job.enqueue_at(moment, 3)
    assert job.using(queue="low", front=True).enqueue(4)
    assert job.using(queue="low", delay=timedelta(minutes=2)).enqueue_many([(5,), (2,)])[1] is None
    assert job.using(at=moment).using(queue="low").s(6).enqueue()
    assert job.signature(7).using(queue="low").enqueue()
    at = round(moment.timestamp()) * 1_000_000
    assert [queue for queue, _ in store.pushes] == [
        "q in 60000000",
        f"q at {at}",
        "front of low",
        "low in 120000000",
        f"low at {at}",
        "low",
    ]
    assert store.args() == [[1], [3], [4], [5], [6], [7]]
    assert after == [1, 3, 4, 5, 6, 7]
    assert store.pushes[0][1][0].id == delayed
    assert store.pushes[1][1][0].enqueued_at == moment.timestamp()


def test_what_the_runner_needs_travels_in_the_payload() -> None:
    """Before the class, where resqd looks for it; a payload without it is as ever."""
    _, store, job = _made()
    job.using(timeout=5, expires=60.5).enqueue(1)
    job.enqueue(2)
    [(_, [marked]), (_, [plain])] = store.pushes
    assert marked.raw.startswith(b'{"resqd":{"timeout":5.0,"expires":60.5},"class":"Mail"')
    assert plain.raw.startswith(b'{"class":"Mail"')


def test_a_unique_job_says_its_lock_and_has_no_id_where_another_has_it() -> None:
    """Its hooks are called as for any other; those after it only where it was put."""
    _, store, job = _made(Unique(by=["user"]))
    after: list[int] = []
    job.before_enqueue(lambda user: user != 2)
    job.after_enqueue(after.append)
    store.holders = ["other", None]
    assert job.enqueue(1) is None
    vetoed, held, sent = [*job.using(front=True, timeout=5).enqueue_many([(2,), (3,), (4,)])]
    assert (vetoed, held, after) == (None, None, [4])
    [(_, [first]), (place, [_, last])] = store.pushes
    assert place == "q skip front"
    assert last.marks is not None
    assert sent is not None
    assert last.marks.options["timeout"] == 5
    [debt] = last.marks.debts
    assert debt.kind == "unique"
    assert debt.member.endswith(f" {sent}")
    assert first.marks is not None
    assert first.marks.debts[0].member.split()[0] != debt.member.split()[0]


def test_a_conflict_is_raised_where_the_job_says_so() -> None:
    _, store, job = _made(Unique(on_conflict="raise", until="start"))
    store.holders = ["other"]
    with pytest.raises(AlreadyEnqueued, match=r"Mail is unique, and job other is not done yet") as caught:
        job.enqueue_many([(1,), (2,)])
    assert caught.value.job_id == "other"
    store.holders = [""]
    with pytest.raises(AlreadyEnqueued, match="window"):
        job.enqueue_in(5, 1)
    assert [place for place, _ in store.pushes] == ["q raise", "q raise later"]


def test_in_a_window_a_payload_is_as_any_other() -> None:
    _, store, job = _made(Unique(window=60))
    assert job.enqueue(1)
    [(_, [sent])] = store.pushes
    assert sent.marks is None


def test_a_job_whose_end_is_kept_says_so_in_its_payload() -> None:
    """For whoever ends it, in every way to enqueue it, beside what else it should tell; others say nothing."""
    producer, store, plain = _made()
    catalog = Catalog(job_type=Job, sender=producer)
    job = catalog.add(Definition.of(mail), queue="q", name="Kept", options=JobOptions(keep_result=60))
    plain.enqueue(1)
    assert (store.pushes.pop()[1][0].marks, store.keeps) == (None, False)
    ids = [
        job.enqueue(1),
        *job.enqueue_many([(2,)]),
        job.enqueue_in(5, 3),
        job.using(timeout=9, front=True).enqueue(4),
    ]
    sent = [one for _, jobs in store.pushes for one in jobs]
    assert [one.id for one in sent] == ids
    assert [one.marks.debts if one.marks else () for one in sent] == [
        (("kept", f"60 {job_id}"),) for job_id in ids
    ]
    assert sent[-1].marks is not None
    assert sent[-1].marks.options["timeout"] == 9
    assert store.keeps
