"""Jobs that go to Redis when a session's transaction is committed, and never where it is rolled back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import await_only, in_greenlet

from resqd.application import aside
from resqd.application.aside import Held

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
    from sqlalchemy.orm import SessionTransaction, scoped_session

    from resqd.job import Job
    from resqd.using import Signature, Using

    AnySession = Session | AsyncSession | scoped_session[Any] | async_scoped_session[Any]
    AJob = Job[..., Any] | Using[...] | Signature

_KEY: Final = "resqd.contrib.sqlalchemy"
"""Under which a session's `info` has what waits for it."""


def enqueue_after_commit(session: AnySession, job: AJob, /, *args: Any, **kwargs: Any) -> str | None:
    """Enqueue a job when the session's transaction is committed, and never where it is rolled back.

    That is the transaction which the session is in, be it a savepoint: then all around it must be committed too. If it
    is in none yet, it is the one that this begins. `job` is a job, or what `job.using(...)` or `job.s(...)` has made.
    Arguments are checked and written, and hooks around enqueueing called, now; the id is returned now, or None where a
    hook vetoed. Errors: those of `enqueue`, and BatchError in the block of a batch, for which there is `after_commit`;
    at the commit those of the store: then the data is committed, and the job is not enqueued.
    """
    return aside.enqueue(_held(session), job, args, kwargs)


def enqueue_many_after_commit(
    session: AnySession, job: Job[..., Any] | Using[...], batch: Iterable[Sequence[Any]], /
) -> list[str | None]:
    """The same for one job for each list or tuple of positional arguments: 2,000 to a round trip."""
    with aside.putting(_held(session)):
        return job.enqueue_many(batch)


def after_commit(session: AnySession, act: Callable[[], None], /) -> None:
    """Call `act` when the session's transaction is committed, in turn with what is enqueued then.

    It runs outside of the transaction; with an AsyncSession on a thread, as all that is enqueued. What it raises, the
    commit raises, though the data is committed, and what waits behind it is lost.
    """
    _held(session).add(act)


def _held(session: Any) -> Held:
    """What waits for the transaction that the session is in now, which is begun if need be."""
    if hasattr(session, "registry"):
        session = session.registry()  # a scoped session stands for the one of this thread or task
    session = getattr(session, "sync_session", session)
    if not isinstance(session, Session):
        raise TypeError(f"{session!r} is no session of SQLAlchemy")
    waiting: _Waiting = session.info.setdefault(_KEY, _Waiting())
    return waiting.of(session.get_nested_transaction() or session.get_transaction() or _begun(session))


def _begun(session: Session) -> SessionTransaction:
    if not session.autobegin:
        raise RuntimeError("the session is in no transaction; enqueue after session.begin()")
    return session.begin()


class _Waiting:
    """What waits for the transactions of one session."""

    def __init__(self) -> None:
        self._held: dict[SessionTransaction, Held] = {}
        self._committed: set[SessionTransaction] = set()

    def of(self, transaction: SessionTransaction) -> Held:
        return self._held.setdefault(transaction, Held())

    def committed(self, transaction: SessionTransaction) -> None:
        self._committed.add(transaction)

    def ended(self, transaction: SessionTransaction) -> Held | None:
        """What may go now. What waited for a savepoint waits for what is around it; after a rollback it is gone."""
        held, committed = self._held.pop(transaction, None), transaction in self._committed
        self._committed.discard(transaction)
        if held is None or not committed:
            return None
        around = transaction.parent
        while around is not None and not around.nested and around.parent is not None:
            around = around.parent  # a flush, which is no transaction of the database
        if around is None:
            return held
        self.of(around).take(held)
        return None


# A closed session rolls back without telling so, and after_commit comes before the transaction has left the session: so
# what was committed is noted there, and what follows from it is done when the transaction has ended.


@event.listens_for(Session, "after_commit")
def _note(session: Session) -> None:
    waiting = session.info.get(_KEY)
    if waiting is not None and (transaction := session.get_nested_transaction() or session.get_transaction()):
        waiting.committed(transaction)


@event.listens_for(Session, "after_transaction_end")
def _act(session: Session, transaction: SessionTransaction) -> None:
    waiting = session.info.get(_KEY)
    held = waiting.ended(transaction) if waiting is not None else None
    if held is None:
        return
    if (
        "greenlet" in sys.modules and in_greenlet()
    ):  # it need not be installed; an AsyncSession has imported it
        await_only(asyncio.to_thread(held.release))  # an AsyncSession's: Redis must not stop its loop
    else:
        held.release()
