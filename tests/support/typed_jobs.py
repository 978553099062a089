"""Jobs as applications write them, for type checkers: all of this is right."""

from __future__ import annotations

from datetime import UTC, datetime

import resqd

app = resqd.App(name="shop", modules=["orders.jobs"])


@app.job(queue="file_serve", name="Archive")
class Archive(resqd.ClassJob):
    """With options."""

    @staticmethod
    def perform(repo_id: int, branch: str = "master") -> str:
        return f"{repo_id}/{branch}"


@app.job
class Prune(resqd.ClassJob):
    """Without options, and with a class method."""

    @classmethod
    def perform(cls, repo_id: int) -> None: ...


@app.job(max_deliveries=2)
def send(user_id: int) -> str:
    return str(user_id)


@app.job
def tell(user_id: int) -> str:
    return str(user_id)


Prune.every("1h", args=[7])


def use() -> str | None:
    """Each way to enqueue."""
    Archive.enqueue(7)
    Archive.enqueue(7, branch="main")
    Archive.enqueue_to("low", 7)
    Archive.enqueue_in(5, 7, branch="main")
    Archive.enqueue_at(datetime.now(UTC), 7)
    Archive.enqueue_many([(1,), (2, "x")])
    Archive.using(queue="low").enqueue(7, branch="main")
    Archive.s(7, branch="main").enqueue()
    Prune.enqueue(7)
    send.enqueue(user_id=7)
    tell.enqueue(7)
    app.enqueue(Archive, 7)
    app.enqueue_to("low", send, 7)
    app.enqueue("Archive", 7)
    return send(7).upper() + Archive.perform(7, "x").upper()
