"""A shop with SQLAlchemy whose jobs go through an outbox; DATABASE says where it is. As a program it buys."""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import resqd
from resqd.contrib.sqlalchemy import Outbox, after_commit, enqueue_after_commit


class Base(DeclarativeBase):
    """The shop's tables."""


class Order(Base):
    """One order."""

    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)


engine = create_engine(os.environ["DATABASE"])
app = resqd.App()
outbox = Outbox(app, engine, metadata=Base.metadata)


@app.job(name="confirm", queue="mail")
def confirm(number: int) -> None:
    """Say that an order has come."""
    with Session(engine) as session:
        sys.stdout.write(f"confirmed {session.get_one(Order, number).number}\n")
        sys.stdout.flush()


def buy(session: Session, number: int) -> None:
    """An order, and its two jobs: one by the outbox, and one that waits for the commit in memory."""
    session.add(Order(number=number))
    outbox.enqueue(session, confirm, number)
    enqueue_after_commit(session, confirm.using(queue="memory"), number)


def die() -> None:
    """As by kill -9, or with the machine."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(*steps: str) -> None:
    """Make the tables, and an order for each step, such as `buy:1`, `roll-back:2`, or `die:3` when it is committed."""
    Base.metadata.create_all(engine)
    for step in steps:
        how, _, number = step.partition(":")
        with Session(engine) as session:
            if how == "die":
                after_commit(session, die)
            buy(session, int(number))
            session.flush()
            if how == "roll-back":
                session.rollback()
            else:
                session.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
