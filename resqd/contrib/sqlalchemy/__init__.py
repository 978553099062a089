"""SQLAlchemy and resqd: pools of a worker's own, and jobs that go with a transaction or not at all."""

from resqd.contrib.sqlalchemy.commit import after_commit, enqueue_after_commit, enqueue_many_after_commit
from resqd.contrib.sqlalchemy.connections import close_connections, forget_inherited_connections, install
from resqd.contrib.sqlalchemy.outbox import Outbox, outbox_table

__all__ = [
    "Outbox",
    "after_commit",
    "close_connections",
    "enqueue_after_commit",
    "enqueue_many_after_commit",
    "forget_inherited_connections",
    "install",
    "outbox_table",
]
