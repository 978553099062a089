"""Enqueueing: payloads, their order and ids, and the hooks around."""

from collections.abc import Iterable

import pytest

from resqd.application.catalog import Catalog
from resqd.application.producer import Producer
from resqd.definition import Definition
from resqd.errors import PayloadError
from resqd.job import Job
from resqd.options import JobOptions
from resqd.store.resque import payload as payloads
from tests.support.loose_jobs import mail


class Taken:
    """An outlet that keeps what it was given."""

    def __init__(self) -> None:
        self.pushes: list[tuple[str, list[payloads.Payload]]] = []

    def push(self, queue: str, raws: Iterable[bytes]) -> int:
        self.pushes.append((queue, [payloads.decode(raw) for raw in raws]))
        return len(self.pushes[-1][1])

    def args(self) -> list[list[object]]:
        return [job.args for _, jobs in self.pushes for job in jobs]


def _made() -> tuple[Producer, Taken, Job[[int, str, int], tuple[int, str, int]]]:
    store = Taken()
    producer = Producer(lambda: store)
    catalog = Catalog(job_type=Job, sender=producer)
    return producer, store, catalog.add(Definition.of(mail), queue="q", name="Mail", options=JobOptions())


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
